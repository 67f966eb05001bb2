import { z } from "zod";
import { listOf, pageOf, pageQuerySchema } from "../pagination.ts";
import { commitSchema, digestSchema, idSchema, jsonObjectSchema, timestampSchema } from "../scalars.ts";
import {
  executionOutcomeSchema,
  executionStatusSchema,
  failureKindSchema,
  verificationSchema,
} from "../state-machines/execution-machine.ts";
import {
  executionPhaseSchema,
  logLevelSchema,
  sandboxDriverSchema,
  workOrderKindSchema,
} from "../vocabulary.ts";
import { evidenceSchema } from "./evidence.ts";

/** Tokens and money of one execution. `costUsd` is null when the model's price is not known. */
export const usageSchema = z
  .object({
    inputTokens: z.number().int().min(0),
    outputTokens: z.number().int().min(0),
    cacheReadTokens: z.number().int().min(0),
    cacheWriteTokens: z.number().int().min(0),
    costUsd: z.number().min(0).nullable(),
  })
  .meta({ id: "Usage" });

export const executionMetricsSchema = z
  .object({
    usage: usageSchema.nullable(),
    steps: z.number().int().min(0),
    toolCalls: z.number().int().min(0),
    modelRetries: z.number().int().min(0),
    gateRounds: z.number().int().min(0),
    /** Milliseconds spent in each phase. */
    phasesMs: z.partialRecord(executionPhaseSchema, z.number().min(0)),
    waitingMs: z.number().min(0),
    logBytes: z.number().int().min(0),
    logDroppedBytes: z.number().int().min(0),
  })
  .meta({ id: "ExecutionMetrics" });

export const executionSchema = z
  .object({
    id: idSchema,
    taskId: idSchema,
    workOrderId: idSchema,
    workerId: idSchema,
    kind: workOrderKindSchema,
    attempt: z.number().int().min(1),
    status: executionStatusSchema,
    phase: executionPhaseSchema.nullable(),
    failure: failureKindSchema.nullable(),
    verification: verificationSchema.nullable(),
    reason: z.string(),
    exitCode: z.number().int().nullable(),
    /** How the agent was confined. `none` is a recorded risk. */
    sandbox: sandboxDriverSchema,
    agent: z.string(),
    isScripted: z.boolean(),
    resumedFromAttempt: z.number().int().nullable(),
    metrics: executionMetricsSchema.nullable(),
    evidence: evidenceSchema.nullable(),
    baseCommit: commitSchema.nullable(),
    commit: commitSchema.nullable(),
    branch: z.string().nullable(),
    /** The last 64 KiB of the log, by stream. */
    stdoutLog: z.string(),
    stderrLog: z.string(),
    logBytes: z.number().int(),
    startedAt: timestampSchema,
    completedAt: timestampSchema.nullable(),
    durationSeconds: z.number().nullable(),
  })
  .meta({ id: "Execution" });

export const executionQuerySchema = pageQuerySchema.extend({
  taskId: idSchema.optional(),
  workerId: idSchema.optional(),
  status: listOf(executionStatusSchema).optional(),
  kind: workOrderKindSchema.optional(),
});
export const executionListSchema = pageOf("ExecutionList", executionSchema);

export const logSourceSchema = z.enum(["worker", "agent", "tool", "command", "gate", "git"]);

/** One line as the worker writes it into the log stream (NDJSON). */
export const logLineSchema = z.object({
  at: timestampSchema,
  level: logLevelSchema,
  source: logSourceSchema,
  stream: z.enum(["stdout", "stderr"]).default("stdout"),
  /** At most 16 KiB; longer lines are split by the worker. */
  message: z.string().max(16_384),
  metadata: z.record(z.string(), z.unknown()).optional(),
});

/** A piece of the log stream: whole NDJSON lines, starting at byte `offset` of the stream. */
export const logChunkSchema = z
  .object({ offset: z.number().int().min(0), text: z.string().max(262_144) })
  .meta({ id: "LogChunk" });

export const logChunkReplySchema = z
  .object({
    /** Where the next chunk starts. */
    offset: z.number().int().min(0),
    /** True once the cap of 16 MiB is reached: send no more, a marker is stored. */
    isFull: z.boolean(),
  })
  .meta({ id: "LogChunkReply" });

export const executionLogSchema = z
  .object({
    /** Cursor: pass it as `after` to go on. */
    id: z.number().int(),
    executionId: idSchema,
    level: logLevelSchema,
    source: logSourceSchema,
    stream: z.enum(["stdout", "stderr"]),
    message: z.string(),
    metadata: z.record(z.string(), z.unknown()),
    loggedAt: timestampSchema,
  })
  .meta({ id: "ExecutionLog" });

export const executionLogQuerySchema = z.object({
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
  /** This level and above. */
  level: logLevelSchema.optional(),
});

export const executionLogListSchema = z
  .object({ items: z.array(executionLogSchema), next: z.number().int(), isComplete: z.boolean() })
  .meta({ id: "ExecutionLogList" });

/** What an execution reports while it works; each becomes an event. */
export const progressSchema = z
  .discriminatedUnion("kind", [
    z.object({
      kind: z.literal("phase"),
      phase: executionPhaseSchema,
      detail: z.string().max(2_000).default(""),
    }),
    z.object({ kind: z.literal("plan"), steps: z.array(z.string().max(500)).max(50) }),
    z.object({
      kind: z.literal("tool"),
      name: z.string().max(100),
      summary: z.string().max(500),
      isError: z.boolean(),
    }),
    z.object({ kind: z.literal("gate"), evidence: evidenceSchema }),
    z.object({ kind: z.literal("model"), detail: z.string().max(2_000) }),
    /** What the agent itself says of how far it is. */
    z.object({
      kind: z.literal("note"),
      message: z.string().max(2_000),
      percent: z.number().min(0).max(100).nullable().default(null),
    }),
  ])
  .meta({ id: "Progress" });

export const artifactKinds = [
  "bundle",
  "diff",
  "evidence",
  "log",
  "analysis",
  "snapshot",
  "transcript",
  "coverage",
  "other",
] as const;
export const artifactKindSchema = z.enum(artifactKinds).meta({ id: "ArtifactKind" });

export const artifactSchema = z
  .object({
    id: idSchema,
    executionId: idSchema,
    taskId: idSchema,
    kind: artifactKindSchema,
    name: z.string(),
    contentType: z.string(),
    sizeBytes: z.number().int(),
    digest: digestSchema,
    createdAt: timestampSchema,
  })
  .meta({ id: "Artifact" });

export const artifactListSchema = z.object({ items: z.array(artifactSchema) }).meta({ id: "ArtifactList" });

/** Upload of an artifact: the bytes are the body. Uploading the same name again replaces it. */
export const artifactUploadQuerySchema = z.object({
  kind: artifactKindSchema,
  name: z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}$/, "letters, digits and . _ - only"),
  digest: digestSchema,
  contentType: z.string().max(100).default("application/octet-stream"),
});

/** A point an execution can be taken up from, by any worker. */
export const checkpointSchema = z
  .object({
    id: idSchema,
    taskId: idSchema,
    executionId: idSchema,
    attempt: z.number().int().min(1),
    /** Agent steps done so far. */
    step: z.int32().min(0),
    driver: z.string(),
    baseCommit: commitSchema,
    /** Artifact with the agent's transcript (JSON). */
    transcriptArtifactId: idSchema,
    /** Artifact with the workspace as a git bundle on top of the base commit; null when nothing was changed. */
    snapshotArtifactId: idSchema.nullable(),
    data: z.record(z.string(), z.unknown()),
    createdAt: timestampSchema,
  })
  .meta({ id: "Checkpoint" });

export const checkpointCreateSchema = checkpointSchema
  .pick({ step: true, driver: true, baseCommit: true, transcriptArtifactId: true, snapshotArtifactId: true })
  .extend({ data: jsonObjectSchema.default({}) })
  .meta({ id: "CheckpointCreate" });

/** What an attempt hands in. `complete` takes succeeded; `fail` the others; park and release have routes of their own. */
export const runSuccessSchema = z
  .object({
    outcome: z.literal("succeeded"),
    verification: z.enum(["passed", "unverified"]),
    summary: z.string().max(20_000),
    baseCommit: commitSchema,
    commit: commitSchema,
    bundleArtifactId: idSchema,
    diffArtifactId: idSchema,
    evidence: evidenceSchema,
    metrics: executionMetricsSchema,
    exitCode: z.int32().nullable().default(null),
  })
  .meta({ id: "RunSuccess" });

export const publishSuccessSchema = z
  .object({
    outcome: z.literal("published"),
    branch: z.string().max(300),
    commit: commitSchema,
    metrics: executionMetricsSchema,
  })
  .meta({ id: "PublishSuccess" });

export const failureResultSchema = z
  .object({
    outcome: executionOutcomeSchema.extract(["failed", "refused", "cancelled", "timed_out"]),
    failure: failureKindSchema.nullable(),
    /** One or two sentences for people: what went wrong and what to do. */
    reason: z.string().max(20_000),
    /** True when trying again may help: infrastructure, checkout network faults, model outages. */
    isRetryable: z.boolean().default(false),
    /** Not before this long from now (a provider's reset). */
    retryAfterMs: z.number().int().min(0).max(86_400_000).optional(),
    summary: z.string().max(20_000).default(""),
    evidence: evidenceSchema.nullable().default(null),
    metrics: executionMetricsSchema.nullable().default(null),
    exitCode: z.int32().nullable().default(null),
  })
  .meta({ id: "FailureResult" });

export type Usage = z.infer<typeof usageSchema>;
export type ExecutionMetrics = z.infer<typeof executionMetricsSchema>;
export type Execution = z.infer<typeof executionSchema>;
export type ExecutionQuery = z.infer<typeof executionQuerySchema>;
export type LogLine = z.infer<typeof logLineSchema>;
export type LogChunk = z.infer<typeof logChunkSchema>;
export type ExecutionLog = z.infer<typeof executionLogSchema>;
export type Progress = z.infer<typeof progressSchema>;
export type Artifact = z.infer<typeof artifactSchema>;
export type ArtifactKind = z.infer<typeof artifactKindSchema>;
export type Checkpoint = z.infer<typeof checkpointSchema>;
export type CheckpointCreate = z.infer<typeof checkpointCreateSchema>;
export type RunSuccess = z.infer<typeof runSuccessSchema>;
export type PublishSuccess = z.infer<typeof publishSuccessSchema>;
export type FailureResult = z.infer<typeof failureResultSchema>;
