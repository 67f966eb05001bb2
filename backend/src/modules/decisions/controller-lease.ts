import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { type AutomatedAnswer, isLiveRequestStatus, type WorkerRequestStatus } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";

/** A request as its lease and its answer are judged. */
interface Leasable {
  readonly status: WorkerRequestStatus;
  readonly kind: string;
  readonly options: readonly { readonly id: string }[];
  readonly controllerId: string | null;
  readonly leaseTokenHash: string | null;
}

export const makeLeaseToken = (): string => `avr_${randomBytes(24).toString("base64url")}`;
export const hashOf = (token: string): string => createHash("sha256").update(token).digest("hex");
const isSameHash = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

export interface LeaseRef {
  controllerId: string;
  leaseToken: string;
  generation: number;
}

/** Only what is routed to a model, and leased by this controller, is its to settle. */
export function assertLeased(
  row: Leasable,
  { controllerId, leaseToken }: Omit<LeaseRef, "generation">,
): void {
  if (!isLiveRequestStatus(row.status))
    throw new AppError("worker_request.settled", `The request is already ${row.status}.`, {
      data: { status: row.status },
    });
  if (row.status !== "automated")
    throw new AppError("worker_request.not_routed", "The request is not routed to a controller.");
  const isHeld =
    row.controllerId === controllerId &&
    row.leaseTokenHash !== null &&
    isSameHash(row.leaseTokenHash, hashOf(leaseToken));
  if (!isHeld) throw new AppError("worker_request.lease_lost", "The controller does not hold the request.");
}

/** Why a model's answer is a person's business after all; undefined when it fits the request. */
export function objectionTo(
  row: Leasable,
  answer: AutomatedAnswer,
  confidenceMin: number,
): string | undefined {
  if (answer.confidence < confidenceMin)
    return `the model was not sure enough (${answer.confidence.toFixed(2)} of ${confidenceMin})`;
  const offered = row.kind === "approval" ? ["allow", "deny"] : row.options.map(({ id }) => id);
  if (offered.length > 0 && answer.choice === null) return "the model chose none of the options offered";
  if (answer.choice !== null && !offered.includes(answer.choice))
    return "the model chose something that was not offered";
  if (offered.length === 0 && answer.text.trim() === "") return "the model gave no answer";
  if (row.kind !== "approval" && answer.citations.length === 0)
    return "the model's answer rests on no document and no earlier answer";
  return undefined;
}
