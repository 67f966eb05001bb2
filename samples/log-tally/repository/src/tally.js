const levels = ["error", "warn", "info", "debug"];
const levelOf = /\b(ERROR|WARN|INFO|DEBUG)\b/;

/** Number of lines per level; lines without a level count as `other`. */
export function tally(text) {
  const counts = Object.fromEntries([...levels, "other"].map((level) => [level, 0]));
  for (const line of text.split("\n").filter((each) => each.trim() !== "")) {
    const level = levelOf.exec(line)?.[1]?.toLowerCase() ?? "other";
    counts[level] += 1;
  }
  return counts;
}

/** The counts as aligned lines, levels without lines left out. */
export function formatTally(counts) {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([level, count]) => `${level.padEnd(6)}${count}`)
    .join("\n");
}
