import type { AgentOutcome } from "./agent-driver.ts";

/** What an aborted signal means for a turn: `timed_out` only when its reason says so. */
export const abortedOutcome = (signal: AbortSignal): AgentOutcome =>
  signal.reason === "timed_out" ? { kind: "timed_out" } : { kind: "cancelled" };
