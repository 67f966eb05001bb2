import { createHash } from "node:crypto";
import { type Client, isApiError } from "@agentvine/client";
import {
  type Artifact,
  type ArtifactKind,
  type Checkpoint,
  type CheckpointCreate,
  endpoints,
  type LogChunk,
  type Progress,
} from "@agentvine/contracts";
import { retry } from "@agentvine/kit";
import type { SecretRedactor } from "../agents/secret-redactor.ts";
import { attemptFaultOf, retryAfterMsOf } from "../base/api-fault.ts";

export interface ArtifactUpload {
  readonly kind: ArtifactKind;
  /** Letters, digits, `.`, `_`, `-`; the same name replaces the artifact. */
  readonly name: string;
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

/** What an execution tells the backend and gets from it, with its attempt's own token. */
export interface ExecutionApi {
  /** One try. */
  appendLog(chunk: LogChunk, signal: AbortSignal): Promise<{ offset: number; isFull: boolean }>;
  /** One try. Rejects with a lease fault when the attempt no longer holds its lease. */
  progress(progress: Progress, signal: AbortSignal): Promise<void>;
  /** Tried again while the backend is away. */
  upload(artifact: ArtifactUpload, signal: AbortSignal): Promise<Artifact>;
  download(artifactId: string, signal: AbortSignal): Promise<Uint8Array>;
  createCheckpoint(checkpoint: CheckpointCreate, signal: AbortSignal): Promise<Checkpoint>;
}

const transferTimeoutMs = 600_000;
const retries = { baseMs: 500, maxMs: 10_000, elapsedMsMax: 600_000 };

/** What people read; bundles and diffs are the result itself, which nobody may change. */
const readKinds: ReadonlySet<ArtifactKind> = new Set(["evidence", "transcript", "analysis"]);

/**
 * @param client must carry the attempt's token.
 * @param redactor takes the secrets at hand out of what people read.
 */
export const createExecutionApi = (
  client: Client,
  executionId: string,
  redactor: Pick<SecretRedactor, "text" | "value">,
): ExecutionApi => {
  const readable = (kind: ArtifactKind, bytes: Uint8Array): Uint8Array =>
    readKinds.has(kind) ? Buffer.from(redactor.text(Buffer.from(bytes).toString("utf8"))) : bytes;
  const params = { executionId };
  const retried = <T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> =>
    retry(call, {
      ...retries,
      isRetryable: (error) => isApiError(error) && attemptFaultOf(error) === "transient",
      retryAfterMs: retryAfterMsOf,
      signal,
    });
  return {
    appendLog: (body, signal) => client.call(endpoints.executions.appendLog, { params, body, signal }),
    progress: async (progress, signal) => {
      const body = redactor.value(progress);
      await client.call(endpoints.executions.progress, { params, body, signal, timeoutMs: 10_000 });
    },
    upload: ({ kind, name, contentType, bytes: given }, signal) => {
      const bytes = readable(kind, given);
      const digest = createHash("sha256").update(bytes).digest("hex");
      const query = { kind, name, digest, contentType };
      const input = { params, query, bytes, signal, timeoutMs: transferTimeoutMs };
      return retried(() => client.upload(endpoints.executions.uploadArtifact, input), signal);
    },
    download: (artifactId, signal) =>
      retried(
        () =>
          client.download(endpoints.executions.downloadArtifact, {
            params: { artifactId },
            signal,
            timeoutMs: transferTimeoutMs,
          }),
        signal,
      ),
    createCheckpoint: (checkpoint, signal) => {
      const body = redactor.value(checkpoint);
      return retried(
        () => client.call(endpoints.executions.createCheckpoint, { params, body, signal }),
        signal,
      );
    },
  };
};
