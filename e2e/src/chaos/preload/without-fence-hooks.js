const fenced =
  'and(eq(workOrders.id, workOrderId), eq(workOrders.attempt, attempt), eq(workOrders.status, "claimed"))';
const unfenced = "eq(workOrders.id, workOrderId)";
/** Where an attempt's hold is looked up, and where its lease is ended. */
const places = 2;

export async function load(url, context, nextLoad) {
  const loaded = await nextLoad(url, context);
  if (!url.endsWith("/modules/queue/attempt.repository.js")) return loaded;
  const source = String(loaded.source);
  const found = source.split(fenced).length - 1;
  if (found !== places) {
    throw new Error(
      `the fence to take out is in ${found} places of ${url}, not in ${places}: look there and mend this file`,
    );
  }
  return { ...loaded, source: source.replaceAll(fenced, unfenced) };
}
