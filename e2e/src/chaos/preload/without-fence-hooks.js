/**
 * What to take out, by file: the comparisons of attempt and status with which a result is taken, in one statement for a review and
 * in several for everything else. What is written then carries the number of the attempt that came.
 */
const fences = {
  "/modules/queue/review-result.repository.js": [
    ["select o.id, o.task_id, o.attempt, o.kind", "select o.id, o.task_id, $2::int as attempt, o.kind"],
    [
      "o.id = $1 and o.attempt = $2 and o.status = 'claimed' and o.kind = 'run'",
      "o.id = $1 and o.kind = 'run'",
    ],
    [" and e.status = 'running'", ""],
    ["where o.id = $1 and o.attempt = $2 and o.status = 'claimed'", "where o.id = $1"],
  ],
  "/modules/queue/held-attempt.repository.js": [
    ["o.id = $1 and o.attempt = $2 and o.status = 'claimed'", "o.id = $1"],
    [
      'const order = orderShape.read(row, "o_");',
      'const order = { ...orderShape.read(row, "o_"), attempt };',
    ],
    ["where id = $1 and attempt = $2 and status = 'claimed'", "where id = $1"],
  ],
};

export async function load(url, context, nextLoad) {
  const loaded = await nextLoad(url, context);
  const [, own = []] = Object.entries(fences).find(([file]) => url.endsWith(file)) ?? [];
  if (own.length === 0) return loaded;
  let source = String(loaded.source);
  for (const [fenced, unfenced] of own) {
    const found = source.split(fenced).length - 1;
    if (found !== 1) {
      throw new Error(`"${fenced}" is ${found} times in ${url}, not once: look there and mend this file`);
    }
    source = source.replace(fenced, () => unfenced);
  }
  return { ...loaded, source };
}
