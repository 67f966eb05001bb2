import type { RequestRaise, WorkerRequestEvent, WorkerRequestStatus } from "@agentvine/contracts";
import { nextStatus, workerRequestMachine } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";

/** Channel on which those who wait for an answer hear that a request was settled; the payload is its id. */
export const requestChannel = "agentvine_worker_request";
/** Channel on which controllers hear that there is a request to answer. */
export const automatedChannel = "agentvine_automated_request";

/** The status an event leads to. @throws when the machine knows no such move: a mistake of ours */
export function statusAfter(from: WorkerRequestStatus, event: WorkerRequestEvent): WorkerRequestStatus {
  const to = nextStatus(workerRequestMachine, from, event);
  if (to === undefined) throw new Error(`a worker request that is ${from} knows no ${event}`);
  return to;
}

export const unknownRequest = (): AppError =>
  new AppError("worker_request.not_found", "There is no such worker request.");

/** Refuses what does not fit the request, by field. */
export const misfit = (path: string, message: string): AppError =>
  new AppError("worker_request.answer_invalid", message, { issues: [{ path, message }] });

/** The line that a person reads first. */
export const headlineOf = ({
  kind,
  question,
  approval,
}: Pick<RequestRaise, "kind" | "question" | "approval">): string => {
  if (approval === null) return `Asks (${kind}): ${question}`;
  if (approval.subject === "plan") return "Its plan waits for approval";
  return `Asks for leave: ${approval.command ?? `${approval.tool} ${approval.paths.join(" ")}`}`.trim();
};
