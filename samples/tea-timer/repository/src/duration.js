const secondsOf = { h: 3600, m: 60, s: 1 };
const shape = /^(?:\d+\s*[hms]\s*)+$/;
const part = /(\d+)\s*([hms])/g;

/**
 * Seconds of a duration such as `1h 20m`, `90s` or `5` (minutes).
 * @throws RangeError for anything else
 */
export function parseDuration(text) {
  const trimmed = text.trim().toLowerCase();
  if (trimmed === "") {
    throw new RangeError("the duration is empty");
  }
  if (/^\d+$/.test(trimmed)) {
    return Number(trimmed) * 60;
  }
  if (!shape.test(trimmed)) {
    throw new RangeError(`not a duration: ${text}`);
  }
  let seconds = 0;
  const seen = new Set();
  for (const [, count, unit] of trimmed.matchAll(part)) {
    if (seen.has(unit)) {
      throw new RangeError(`${unit} is given twice: ${text}`);
    }
    seen.add(unit);
    seconds += Number(count) * secondsOf[unit];
  }
  return seconds;
}

/** The shortest way to write the seconds: `1h 20m`, `45s`, `0s`. */
export function formatDuration(seconds) {
  if (!Number.isInteger(seconds) || seconds < 0) {
    throw new RangeError(`not a number of seconds: ${seconds}`);
  }
  if (seconds === 0) {
    return "0s";
  }
  const parts = [];
  let rest = seconds;
  for (const [unit, size] of Object.entries(secondsOf)) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) {
      parts.push(`${count}${unit}`);
    }
  }
  return parts.join(" ");
}
