import { type Approval, endpoints, isLiveRequestStatus, type WorkerRequest } from "@agentvine/contracts";
import type { JournalEntry } from "../history.ts";
import { insist } from "../insist.ts";
import { type HeldWork, type ProtocolContext, refOf } from "./context.ts";
import type { Asking } from "./fate.ts";

/** How long a raise or a spend is tried. */
const insistMs = 20_000;

const approvalOf = (command: string): Approval => ({
  subject: "tool_call",
  tool: "run_command",
  // No rule of the run allows it: people are asked.
  toolClass: "network",
  arguments: { command },
  command,
  paths: [],
  diff: null,
  steps: [],
});

const bodyOf = ({ kind, subject }: Asking) =>
  kind === "approval"
    ? { kind, question: `May I run ${subject}?`, approval: approvalOf(subject) }
    : { kind, question: subject };

/**
 * Asks what the fate of the task wants to know, waits a while and uses the leave it was given. It is rude: it tries to use what it was
 * not given, and for another call.
 * @returns the request that it still waits for; undefined when it goes on
 */
export async function ask(
  context: ProtocolContext,
  { claim }: HeldWork,
  asking: Asking,
): Promise<WorkerRequest | undefined> {
  const { client, journal } = context;
  const { attemptToken: token } = claim;
  const ref = refOf(claim);
  const write = (phase: JournalEntry["phase"], facts: Pick<JournalEntry, "call"> & Partial<JournalEntry>) =>
    journal.write({ phase, taskId: claim.task.id, ...ref, subject: asking.subject, ...facts });

  write("asked", { call: "raise" });
  // One for all tries: a raise whose reply was lost is found again by it.
  const body = { ...ref, callId: `a${claim.attempt}`, ...bodyOf(asking) };
  const raised = await insist(() => client.call(endpoints.workerRequests.raise, { body, token }), insistMs);
  if (raised?.value === undefined) return undefined;
  const requestId = raised.value.id;
  write("told", { call: "raise", requestId });

  const wait = (waitSeconds: number) =>
    insist(
      () =>
        client.call(endpoints.workerRequests.wait, {
          params: { requestId },
          query: { ...ref, waitSeconds },
          token,
          timeoutMs: waitSeconds * 1_000 + 3_000,
        }),
      insistMs,
    );
  const known = isLiveRequestStatus(raised.value.status)
    ? (await wait(asking.patienceMs / 1_000))?.value
    : raised.value;
  if (asking.kind === "approval") {
    const spend = async (command: string): Promise<void> => {
      const call = { ...ref, tool: "run_command", arguments: { command } };
      write("asked", { call: "spend", requestId, subject: command });
      const spent = await insist(
        () => client.call(endpoints.workerRequests.spend, { params: { requestId }, body: call, token }),
        insistMs,
      );
      if (spent === undefined) return;
      const { refusal } = spent;
      const code = refusal === undefined ? {} : { code: refusal.code };
      write(refusal === undefined ? "told" : "refused", {
        call: "spend",
        requestId,
        subject: command,
        ...code,
      });
    };
    if (asking.isGreedy) await spend(`${asking.subject} --force`);
    await Promise.all(Array.from({ length: asking.spends }, () => spend(asking.subject)));
  }
  return known !== undefined && isLiveRequestStatus(known.status) ? known : undefined;
}
