import { linkSignals } from "@agentvine/client";
import type { Artifact, Evidence } from "@agentvine/contracts";
import { coerceError } from "@agentvine/kit";
import { parseAnalysis } from "../specialized/analysis.ts";
import { unifiedDiff } from "../workspace/changes.ts";
import type { ArtifactUpload } from "./execution-api.ts";
import type { ExecutionContext } from "./execution-context.ts";
import { failed } from "./outcome.ts";
import type { RunResult } from "./run-order.ts";

const json = (value: unknown): Uint8Array => Buffer.from(`${JSON.stringify(value, null, 2)}\n`);

/** What a person may want to look at later. Its loss costs the work nothing, so it is tried for a moment only. */
export const uploadForReading = async (
  context: ExecutionContext,
  upload: ArtifactUpload,
  timeoutMs: number,
): Promise<void> => {
  const { api, stop, logger } = context;
  try {
    using linked = linkSignals(stop.lease, AbortSignal.timeout(timeoutMs));
    await api.upload(upload, linked.signal);
  } catch (error) {
    logger.warn({ err: coerceError(error), name: upload.name }, "an artifact could not be uploaded");
  }
};

/** Uploads what the publish order and the reviewer need. @throws when the backend does not take it. */
export const uploadResult = async (
  context: ExecutionContext,
  result: RunResult & { readonly bundle: Uint8Array },
): Promise<{ readonly bundle: Artifact; readonly diff: Artifact }> => {
  const { api, stop, claim, redactor } = context;
  const { patch } = await unifiedDiff(result.mirror, result.baseCommit, result.commit);
  // It can't be taken out of commits, and a branch is for everybody to read.
  if (redactor.text(patch) !== patch) {
    throw failed(
      "verification",
      "The result holds a secret: a key of this worker, a credential or a test-run secret of the repository. Nothing was handed in.",
      { evidence: result.evidence },
    );
  }
  const [bundle, diff] = await Promise.all([
    api.upload(
      {
        kind: "bundle",
        name: "result.bundle",
        contentType: "application/octet-stream",
        bytes: result.bundle,
      },
      stop.work,
    ),
    api.upload(
      { kind: "diff", name: "result.diff", contentType: "text/x-diff", bytes: Buffer.from(patch) },
      stop.work,
    ),
  ]);
  const analysis = claim.task.type === "bugfix" ? parseAnalysis(result.summary) : null;
  if (analysis !== null) {
    const upload = { kind: "analysis" as const, name: "analysis.json", bytes: json(analysis) };
    await uploadForReading(context, { ...upload, contentType: "application/json" }, 10_000);
  }
  return { bundle, diff };
};

export const evidenceUpload = (evidence: Evidence): ArtifactUpload => ({
  kind: "evidence",
  name: `evidence-${evidence.round}.json`,
  contentType: "application/json",
  bytes: json(evidence),
});

export const logUpload = (bytes: Uint8Array): ArtifactUpload => ({
  kind: "log",
  name: "log.ndjson",
  contentType: "application/x-ndjson",
  bytes,
});
