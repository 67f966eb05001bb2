import { z } from "zod";
import { idSchema, nameSchema, timestampSchema } from "../scalars.ts";
import { laneSchema, permissionSchema } from "../vocabulary.ts";
import { registrationModeSchema } from "./account.ts";

export const componentHealthSchema = z.object({
  status: z.enum(["up", "degraded", "down", "absent"]),
  latencyMs: z.number().nullable(),
  detail: z.string(),
});

export const healthSchema = z
  .object({
    status: z.enum(["up", "degraded", "down"]),
    /** database, redis (only when configured), queue, workers, controllers. */
    components: z.record(z.string(), componentHealthSchema),
  })
  .meta({ id: "Health" });

export const liveSchema = z.object({ status: z.literal("up") }).meta({ id: "Live" });

export const aboutSchema = z
  .object({
    name: z.literal("agentvine"),
    version: z.string(),
    apiVersion: z.literal("v1"),
    /** Without accounts (`local`) there is one user, and the server listens on this machine alone. */
    mode: z.enum(["local", "accounts"]),
    /** Who may make an account; null in local mode. */
    registration: registrationModeSchema.nullable(),
    node: z.string(),
    database: z.object({ kind: z.enum(["embedded", "external"]), version: z.string() }),
    backgroundQueue: z.enum(["postgres", "redis"]),
    startedAt: timestampSchema,
  })
  .meta({ id: "About" });

export const laneDepthSchema = z.object({
  lane: laneSchema,
  pending: z.number().int(),
  oldestPendingSeconds: z.number().nullable(),
});

export const statsSchema = z
  .object({
    tasks: z.record(z.string(), z.number().int()),
    lanes: z.array(laneDepthSchema),
    workers: z.record(z.string(), z.number().int()),
    window: z.object({
      seconds: z.number().int(),
      completed: z.number().int(),
      failed: z.number().int(),
      /** 0 to 1; null when nothing ended. */
      successRate: z.number().nullable(),
      throughputPerHour: z.number(),
      /** Creation to completion. */
      secondsToDoneP50: z.number().nullable(),
      secondsToDoneP95: z.number().nullable(),
    }),
  })
  .meta({ id: "Stats" });

export const statsQuerySchema = z.object({
  windowSeconds: z.coerce.number().int().min(60).max(2_592_000).default(86_400),
});

export const waitingStatsQuerySchema = statsQuerySchema.extend({
  by: z.enum(["task", "rule", "person"]).default("task"),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});

const waitingTimesSchema = z.object({
  /** How many came to them at all. */
  requests: z.number().int(),
  secondsTotal: z.number(),
  /** Null when there is none. */
  secondsP50: z.number().nullable(),
  secondsP95: z.number().nullable(),
});
const waitsSchema = z.object({
  requests: z.number().int(),
  /** Those of them that still wait: they count with their time until now. */
  open: z.number().int(),
  /** The time since people had them. */
  people: waitingTimesSchema,
  /** The time before that in which a controller's model was to answer. */
  controllers: waitingTimesSchema,
});

/** How long worker requests waited that were raised in the period; without those that a rule or an earlier answer settled at once. */
export const waitingStatsSchema = z
  .object({
    seconds: z.number().int(),
    by: z.enum(["task", "rule", "person"]),
    all: waitsSchema,
    /** Those for which people had requests longest first: id of the task, of the rule, of the person who answered or was asked. */
    items: z.array(waitsSchema.extend({ id: z.string(), name: z.string() })),
  })
  .meta({ id: "WaitingStats" });

export const statsSampleSchema = z
  .object({
    sampledAt: timestampSchema,
    lanes: z.array(laneDepthSchema),
    claimed: z.number().int(),
    completed: z.number().int(),
    failed: z.number().int(),
    workersOnline: z.number().int(),
  })
  .meta({ id: "StatsSample" });

export const statsSeriesQuerySchema = z.object({
  since: timestampSchema.optional(),
  limit: z.coerce.number().int().min(1).max(1_440).default(60),
});
export const statsSeriesSchema = z.object({ items: z.array(statsSampleSchema) }).meta({ id: "StatsSeries" });

export const workerSampleSchema = z
  .object({
    sampledAt: timestampSchema,
    activeCount: z.number().int(),
    loadAverage: z.number(),
    memoryUsedBytes: z.number().int(),
    diskFreeBytes: z.number().int(),
  })
  .meta({ id: "WorkerSample" });
export const workerMetricsSeriesSchema = z
  .object({ items: z.array(workerSampleSchema) })
  .meta({ id: "WorkerMetricsSeries" });

export const apiKeySchema = z
  .object({
    id: idSchema,
    name: z.string(),
    /** The user in whose name it acts. */
    createdBy: idSchema,
    /** The first characters, to recognise it by. */
    prefix: z.string(),
    permissions: z.array(permissionSchema),
    createdAt: timestampSchema,
    lastUsedAt: timestampSchema.nullable(),
    expiresAt: timestampSchema.nullable(),
    revokedAt: timestampSchema.nullable(),
    /** The key it takes the place of. */
    rotatedFromId: idSchema.nullable(),
  })
  .meta({ id: "ApiKey" });

export const apiKeyCreateSchema = z
  .object({
    name: nameSchema,
    permissions: z.array(permissionSchema).min(1),
    expiresAt: timestampSchema.optional(),
  })
  .meta({ id: "ApiKeyCreate" });
/** How long the old key may still be used, in seconds: at most thirty days. */
export const overlapSecondsMax = 2_592_000;
export const apiKeyRotateSchema = z
  .object({ overlapSeconds: z.int().min(0).max(overlapSecondsMax).default(86_400) })
  .meta({ id: "ApiKeyRotate" });
/** The only responses that ever hold a key: shown once, when it is made. */
export const apiKeyCreatedSchema = z
  .object({ apiKey: apiKeySchema, secret: z.string() })
  .meta({ id: "ApiKeyCreated" });
export const apiKeyListSchema = z.object({ items: z.array(apiKeySchema) }).meta({ id: "ApiKeyList" });

/** A link that opens the browser's way in, once, within ten minutes (local mode). */
export const localLinkSchema = z
  .object({ url: z.string(), expiresAt: timestampSchema })
  .meta({ id: "LocalLink" });

export type Health = z.infer<typeof healthSchema>;
export type ComponentHealth = z.infer<typeof componentHealthSchema>;
export type About = z.infer<typeof aboutSchema>;
export type Stats = z.infer<typeof statsSchema>;
export type WaitingStats = z.infer<typeof waitingStatsSchema>;
export type WaitingStatsQuery = z.infer<typeof waitingStatsQuerySchema>;
export type StatsSample = z.infer<typeof statsSampleSchema>;
export type ApiKey = z.infer<typeof apiKeySchema>;
export type WorkerSample = z.infer<typeof workerSampleSchema>;
