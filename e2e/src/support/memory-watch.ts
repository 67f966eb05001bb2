import { readFileSync } from "node:fs";

const peakMebibytesOf = (pid: number): number | undefined => {
  try {
    const found = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return found === null ? undefined : Number(found[1]) / 1_024;
  } catch {
    return undefined; // it has ended, or this is no Linux
  }
};

export interface MemoryWatch {
  /** The most memory each process had at once so far, in MiB by name; nothing for one that was never seen. */
  readonly peaks: Readonly<Record<string, number>>;
  stop(): void;
}

/**
 * Samples the peak of resident memory, which the kernel keeps, until the processes have ended.
 * @param processes the processes to look at, by name; asked anew for every sample.
 */
export function watchMemory(processes: () => Readonly<Record<string, number | undefined>>): MemoryWatch {
  const peaks: Record<string, number> = {};
  const timer = setInterval(() => {
    for (const [name, pid] of Object.entries(processes())) {
      const peak = pid === undefined ? undefined : peakMebibytesOf(pid);
      if (peak !== undefined) peaks[name] = Math.max(peaks[name] ?? 0, peak);
    }
  }, 50);
  return { peaks, stop: () => clearInterval(timer) };
}
