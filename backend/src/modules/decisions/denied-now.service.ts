import type { Decision } from "@agentvine/contracts";
import type { Tx } from "../../database/client.ts";
import type { DecidePort } from "./decide.port.ts";
import { withCommand } from "./new-request.service.ts";
import type { RequestRow } from "./request-row.repository.ts";

/**
 * The denial of an active rule for what somebody allowed: rules change between the answer and the call, and a denial outranks leave that is
 * older than it. Undefined when nothing denies it.
 */
export async function denialOf(
  tx: Tx,
  decisions: DecidePort,
  { facts, editedCommand }: Pick<RequestRow, "facts" | "editedCommand">,
): Promise<Decision | undefined> {
  const call = editedCommand === null ? facts : withCommand(facts, editedCommand);
  const decision = await decisions.decide(tx, call);
  return decision.kind === "deny" ? decision : undefined;
}
