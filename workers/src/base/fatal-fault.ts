import { workerProtocol } from "@agentvine/contracts";
import { AppError, coerceError } from "@agentvine/kit";
import type { ApiFault } from "./api-fault.ts";

/** Turns a fault after which a worker can't go on into the error it stops with; undefined when it can go on. */
export const fatalErrorOf = (fault: ApiFault, error: unknown): AppError | undefined => {
  const { message } = coerceError(error);
  if (fault === "replaced") {
    return new AppError(
      "worker.superseded",
      `Another process registered under this worker's name; this one stops: ${message}`,
      {
        cause: error,
      },
    );
  }
  if (fault === "refused_key") {
    return new AppError("auth.invalid", `The backend refuses this worker's key: ${message}`, {
      cause: error,
    });
  }
  if (fault === "too_old") {
    return new AppError("worker.protocol_unsupported", message, { cause: error });
  }
  return undefined;
};

/** A backend that is too old would be misread. @throws AppError `worker.protocol_unsupported` */
export const assertUnderstood = (protocol: number, version: string): void => {
  const { oldest } = workerProtocol;
  if (protocol >= oldest) return;
  throw new AppError(
    "worker.protocol_unsupported",
    `The backend speaks protocol ${protocol}; this worker of version ${version} understands ${oldest} and newer. Install version ${version} for the backend.`,
  );
};
