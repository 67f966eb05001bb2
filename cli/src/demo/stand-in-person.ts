import type { RequestAnswerBody, WorkerRequest } from "@agentvine/contracts";
import { sleep } from "@agentvine/kit";
import type { Decider } from "./demo-people.ts";

/** Long enough to see that the agent waits. */
const thinkMs = 1_500;

const comment = "decided by the stand-in person of the demo";

const answerOf = (
  { generation, kind, approval, options }: WorkerRequest,
  allowed: readonly string[],
): RequestAnswerBody => {
  if (kind === "approval") {
    const isAllowed = approval?.command != null && allowed.includes(approval.command);
    return { generation, decision: isAllowed ? "allow" : "deny", comment };
  }
  const [first] = options;
  return first === undefined
    ? { generation, text: "Nobody is here: take the most careful way.", comment }
    : { generation, choice: first.id, comment };
};

/** Nobody: allows exactly the shell lines that the samples name, denies all others. Not for agents that could do harm. */
export const standInPerson = (allowed: readonly string[]): Decider => ({
  name: "stand-in person",
  decide: async (request, signal) => {
    await sleep(thinkMs, signal).catch(() => undefined);
    return signal.aborted ? undefined : answerOf(request, allowed);
  },
});
