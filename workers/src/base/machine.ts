import { statfs } from "node:fs/promises";
import { freemem, loadavg, totalmem } from "node:os";
import type { WorkerMetrics } from "@agentvine/contracts";
import { coerceError } from "@agentvine/kit";

/** Free bytes for us on the file system of a directory. */
export const diskFreeBytes = async (dir: string): Promise<number> => {
  const { bavail, bsize } = await statfs(dir);
  return bavail * bsize;
};

/** How the machine is, for the heartbeat. A disk that can't be read counts as full. */
export const readMachineMetrics = async (dataDir: string): Promise<WorkerMetrics> => ({
  loadAverage: loadavg()[0] ?? 0,
  memoryUsedBytes: totalmem() - freemem(),
  memoryTotalBytes: totalmem(),
  diskFreeBytes: await diskFreeBytes(dataDir).catch(() => 0),
  supervisorRssBytes: process.memoryUsage.rss(),
});

const gibibyte = 1_073_741_824;

/** Why this machine must not take work now, or null: too little space for a clone, a test run and their output. */
export const readDiskFault = async (dataDir: string, freeBytesMin: number): Promise<string | null> => {
  try {
    const freeBytes = await diskFreeBytes(dataDir);
    if (freeBytes >= freeBytesMin) return null;
    const inGib = (bytes: number): string => `${(bytes / gibibyte).toFixed(1)} GiB`;
    return `disk full: ${inGib(freeBytes)} free in ${dataDir}, ${inGib(freeBytesMin)} needed`;
  } catch (error) {
    return `the data directory can't be used: ${coerceError(error).message}`;
  }
};
