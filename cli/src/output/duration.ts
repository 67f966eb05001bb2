/** `850 ms`, `12.3 s`, `4 min 05 s`, `2 h 03 min`. */
export const durationText = (ms: number): string => {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${String(Math.floor((ms % 60_000) / 1_000)).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
};

/** How long ago, from two ISO timestamps or until now. */
export const elapsedText = (from: string, to: string | null, now: Date = new Date()): string =>
  durationText(Math.max(0, (to === null ? now.getTime() : Date.parse(to)) - Date.parse(from)));
