import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { JournalEntry } from "./history.ts";

type Said = Omit<JournalEntry, "process" | "seq" | "atMs">;

/** A file of a process that only grows. Written before and after each call, so that it survives the process. */
export interface Journal {
  write(entry: Said): void;
}

/** Of the monotonic clock, which all processes of a machine share. */
const nowMs = (): number => Number(process.hrtime.bigint() / 1_000_000n);

/** @param name of the process; unique among all that a run starts. */
export function openJournal(directory: string, name: string): Journal {
  let seq = 0;
  const file = join(directory, `${name}.ndjson`);
  return {
    write(entry) {
      seq += 1;
      appendFileSync(file, `${JSON.stringify({ process: name, seq, atMs: nowMs(), ...entry })}\n`);
    },
  };
}

/** Every entry of every process. A last line that a killed process did not finish is left out. */
export async function readJournals(directory: string): Promise<JournalEntry[]> {
  if (!existsSync(directory)) return [];
  const names = (await readdir(directory)).filter((name) => name.endsWith(".ndjson")).toSorted();
  return names.flatMap((name) =>
    readFileSync(join(directory, name), "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line): JournalEntry => JSON.parse(line)),
  );
}
