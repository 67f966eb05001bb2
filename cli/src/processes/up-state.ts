import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const upStateSchema = z.object({ url: z.string(), pid: z.number().int() });

/** Where the `up` that owns a data directory listens. */
export type UpState = z.infer<typeof upStateSchema>;

const pathOf = (home: string): string => join(home, "up.json");

/** What the running `up` wrote down, or undefined. A leftover of a dead one is ignored. */
export const readUpState = (home: string): UpState | undefined => {
  try {
    const state = upStateSchema.parse(JSON.parse(readFileSync(pathOf(home), "utf8")));
    process.kill(state.pid, 0);
    return state;
  } catch (error) {
    // Alive but another user's: still the address to talk to.
    if (error instanceof Error && "code" in error && error.code === "EPERM") {
      return upStateSchema.parse(JSON.parse(readFileSync(pathOf(home), "utf8")));
    }
    return undefined; // missing, unreadable, or its process is gone
  }
};

/** Writes the state down for the other commands. */
export const writeUpState = (home: string, state: UpState): void => {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const draft = `${pathOf(home)}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(state), { mode: 0o600 });
  renameSync(draft, pathOf(home));
};

/** Forgets the state at the end. */
export const clearUpState = (home: string): void => rmSync(pathOf(home), { force: true });
