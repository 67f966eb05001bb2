import type { AttemptResult } from "./executor-channel.ts";

/** Ends an execution that waits for answers, from a checkpoint that holds exactly where it stands. */
export class ParkRequest extends Error {
  readonly result: Extract<AttemptResult, { kind: "park" }>;

  constructor(checkpointId: string, requestIds: readonly string[]) {
    const count = requestIds.length;
    super(`waits for ${count === 1 ? "an answer" : `${count} answers`}`);
    this.name = "ParkRequest";
    this.result = { kind: "park", checkpointId, reason: this.message, requestIds: [...requestIds] };
  }
}
