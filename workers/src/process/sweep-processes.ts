import { sleep } from "@agentvine/kit";
import { findTagged, sendSignal } from "./process-table.ts";

/** Names of the environment entries that mark what we start. A process keeps them whatever session or parent it gets. */
export const processTags = {
  execution: "AGENTVINE_EXECUTION_ID",
  sandbox: "AGENTVINE_SANDBOX_ID",
  command: "AGENTVINE_COMMAND_ID",
  relay: "AGENTVINE_RELAY",
} as const;

export interface SweepOptions {
  /** 5,000 by default: a process in the middle of a disk operation dies late. */
  readonly timeoutMs?: number;
}

/**
 * Kills every process that carries `AGENTVINE_EXECUTION_ID=<id>` in its environment, except the caller, until none is left: also
 * those that made a session of their own, lost their parent or ignore signals. Linux only; elsewhere it finds nothing and the
 * process group is all there is.
 * @returns how many were killed.
 */
export async function sweepProcesses(executionId: string, options: SweepOptions = {}): Promise<number> {
  return await sweepTag(`${processTags.execution}=${executionId}`, options);
}

/** The same for any `NAME=value` entry. */
export async function sweepTag(entry: string, { timeoutMs = 5_000 }: SweepOptions = {}): Promise<number> {
  const killed = new Set<number>();
  const endMs = performance.now() + timeoutMs;
  // One empty look is no proof: a process may fork while the list is read and end before its own entry is.
  for (let emptyLooks = 0; emptyLooks < 2 && performance.now() < endMs; ) {
    const found = findTagged(entry);
    emptyLooks = found.length === 0 ? emptyLooks + 1 : 0;
    for (const pid of found) {
      sendSignal(pid, "SIGKILL");
      killed.add(pid);
    }
    if (found.length > 0) {
      await sleep(5);
    }
  }
  return killed.size;
}
