import { type Client, isApiError } from "@agentvine/client";
import { type AttemptCredentials, endpoints } from "@agentvine/contracts";
import { retry } from "@agentvine/kit";
import { attemptFaultOf, retryAfterMsOf } from "../base/api-fault.ts";
import type { GitCredential } from "../workspace/git-secrets.ts";

/** What the backend hands out to an attempt that holds its lease. */
export interface HandedOut {
  /** For git on the host, when it speaks with the repository; null: none is stored. */
  readonly credential: GitCredential | null;
  /** Environment variables for the commands that set the repository up and judge the result, and for nothing else. */
  readonly testEnvironment: Readonly<Record<string, string>>;
  /** All of it, to be taken out of everything that is shown or kept. */
  readonly secrets: readonly string[];
}

const retries = { baseMs: 500, maxMs: 10_000, elapsedMsMax: 600_000 };

/**
 * Asks before anything else is done: from then on no log and no artifact can show what came.
 * @param client must carry the attempt's token
 * @throws an ApiError, for a lost lease too; the signal's reason when aborted
 */
export async function fetchHandedOut(
  client: Client,
  workOrderId: string,
  signal: AbortSignal,
): Promise<HandedOut> {
  const { credential, testSecrets } = await retry(
    () => client.call(endpoints.credentials.forAttempt, { params: { workOrderId }, signal }),
    {
      ...retries,
      isRetryable: (error) => isApiError(error) && attemptFaultOf(error) === "transient",
      retryAfterMs: retryAfterMsOf,
      signal,
    },
  );
  return {
    credential,
    testEnvironment: Object.fromEntries(testSecrets.map(({ name, value }) => [name, value])),
    secrets: [...secretsOf(credential), ...testSecrets.map(({ value }) => value)],
  };
}

/** Each value costs time for all that is shown; a key is hidden as a block by its marks as well, and its private half lies at its end. */
const keyLinesMax = 8;

function secretsOf(credential: AttemptCredentials["credential"]): string[] {
  if (credential === null) return [];
  if (credential.kind === "token") return [credential.password];
  const lines = credential.privateKey.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "" && !line.startsWith("-----")).slice(-keyLinesMax);
}
