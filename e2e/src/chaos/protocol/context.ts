import type { Client } from "@agentvine/client";
import type { Claim, Finished } from "@agentvine/contracts";
import type { JournalCall, JournalEntry } from "../history.ts";
import { insist } from "../insist.ts";
import type { Journal } from "../journal.ts";
import type { ProtocolSettings } from "./settings.ts";

/** An order in the hands of this process. */
export interface HeldWork {
  readonly claim: Claim;
  /** False: heartbeats leave it out, so that its lease runs out. */
  isRenewed: boolean;
  isCancelled: boolean;
}

export interface ProtocolContext {
  readonly settings: ProtocolSettings;
  readonly client: Client;
  readonly journal: Journal;
  readonly leaseMs: number;
}

/** How long a result is handed in again and again. */
const insistMs = 30_000;

export const refOf = ({ workOrder, attempt }: Claim) => ({ workOrderId: workOrder.id, attempt });

/** Hands in the end of an attempt, with a word in the journal before and after. */
export async function handIn(
  context: ProtocolContext,
  { claim }: HeldWork,
  call: JournalCall,
  ask: () => Promise<Finished>,
  facts: Partial<JournalEntry> = {},
): Promise<void> {
  const said = { call, taskId: claim.task.id, kind: claim.workOrder.kind, ...refOf(claim), ...facts };
  context.journal.write({ phase: "asked", ...said });
  const answer = await insist(ask, insistMs);
  if (answer === undefined) return;
  if (answer.refusal === undefined) context.journal.write({ phase: "told", ...said });
  else context.journal.write({ phase: "refused", ...said, code: answer.refusal.code });
}
