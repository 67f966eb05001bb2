import { z } from "zod";
import { listOf, pageOf, pageQuerySchema } from "../pagination.ts";
import { idSchema, jsonObjectSchema, labelSchema, nameSchema, timestampSchema } from "../scalars.ts";
import { workerStatusSchema } from "../state-machines/worker-machine.ts";
import { agentDriverSchema, sandboxDriverSchema, taskTypeSchema } from "../vocabulary.ts";

/** An agent a worker can run. */
export const workerAgentSchema = z
  .object({
    driver: agentDriverSchema,
    /** `provider/name` for the builtin driver, else the profile's name. */
    model: z.string().max(200).nullable(),
    /** True when the answers come from a script: they say nothing about model quality. */
    isScripted: z.boolean().default(false),
  })
  .meta({ id: "WorkerAgent" });

/** What a worker says it can do. Claims match the rows made of it. */
export const workerCapabilitiesSchema = z
  .object({
    taskTypes: z.array(taskTypeSchema).min(1).max(6),
    labels: z.array(labelSchema).max(50).default([]),
    agents: z.array(workerAgentSchema).max(20),
    sandbox: z.object({
      driver: sandboxDriverSchema,
      /** False for `none`: nothing confines the agent, a visible and recorded risk. */
      isConfined: z.boolean(),
    }),
    /** e.g. `{"node":"20.20.2","git":"2.39.5"}`. */
    toolchains: z.record(z.string(), z.string()).default({}),
  })
  .meta({ id: "WorkerCapabilities" });

/** CPU, memory and disk of the machine and the supervisor as of the last heartbeat. */
export const workerMetricsSchema = z
  .object({
    loadAverage: z.number().min(0),
    memoryUsedBytes: z.number().int().min(0),
    memoryTotalBytes: z.number().int().min(0),
    diskFreeBytes: z.number().int().min(0),
    supervisorRssBytes: z.number().int().min(0),
  })
  .meta({ id: "WorkerMetrics" });

export const workerSchema = z
  .object({
    id: idSchema,
    name: z.string(),
    /** Its one task type, or `general`. */
    workerType: z.string(),
    status: workerStatusSchema,
    statusReason: z.string(),
    version: z.string(),
    maxConcurrentTasks: z.number().int(),
    activeCount: z.number().int(),
    timeoutSeconds: z.number().int(),
    contextWindowSize: z.number().int().nullable(),
    config: z.record(z.string(), z.unknown()),
    capabilities: workerCapabilitiesSchema,
    metrics: workerMetricsSchema.nullable(),
    lastHeartbeatAt: timestampSchema.nullable(),
    createdAt: timestampSchema,
    updatedAt: timestampSchema,
  })
  .meta({ id: "Worker" });

/**
 * The protocol between worker and backend that this version speaks, and the oldest that it still understands of the other side. It
 * rises when an older side could no longer do its work; fields and commands that are added do not count, they are passed over.
 */
export const workerProtocol = { current: 1, oldest: 1 } as const;

const protocolSchema = z.number().int().min(0).max(1_000_000).default(1);

export const workerRegisterSchema = z
  .object({
    /** Unique. A worker that registers again under its name takes its row over; the older process is told to stop. */
    name: nameSchema,
    /** Random per process start. */
    instanceId: idSchema,
    version: z.string().max(50),
    /** The protocol the worker speaks; apart from its version. */
    protocol: protocolSchema,
    maxConcurrentTasks: z.number().int().min(1).max(256),
    timeoutSeconds: z.number().int().min(1).max(86_400).default(3_600),
    contextWindowSize: z.number().int().min(1).max(100_000_000).optional(),
    config: jsonObjectSchema.default({}),
    capabilities: workerCapabilitiesSchema,
  })
  .meta({ id: "WorkerRegister" });

export const workerRegisteredSchema = z
  .object({
    worker: workerSchema,
    heartbeatMs: z.number().int(),
    leaseMs: z.number().int(),
    /** The protocol the backend speaks. */
    protocol: protocolSchema,
  })
  .meta({ id: "WorkerRegistered" });

export const heldOrderSchema = z.object({ workOrderId: idSchema, attempt: z.int32().min(1) });

export const workerHeartbeatSchema = z
  .object({
    instanceId: idSchema,
    /** Only orders whose executor answered its own ping; only these are renewed. */
    orders: z.array(heldOrderSchema).max(256),
    metrics: workerMetricsSchema.optional(),
    /** Set when the worker can't take work (disk full, sandbox broken): it says why. */
    fault: z.string().max(1_000).nullable().default(null),
    /** Commands up to this position were carried out. */
    commandsSeen: z.number().int().min(0).default(0),
  })
  .meta({ id: "WorkerHeartbeat" });

/** Something the backend wants of the worker. `cancel` and `stop` name the attempt they mean. */
export const workerCommandSchema = z
  .object({
    position: z.number().int().min(1),
    /** `unknown` is one of a newer backend: pass it over. */
    type: z.enum(["cancel", "drain", "stop_attempt", "message", "unknown"]).catch("unknown"),
    workOrderId: idSchema.nullable(),
    attempt: z.number().int().nullable(),
    reason: z.string(),
  })
  .meta({ id: "WorkerCommand" });

export const workerHeartbeatReplySchema = z
  .object({
    /** Leases that hold, with what is left of them from now: a duration, never a clock time. */
    renewed: z.array(heldOrderSchema.extend({ leaseMs: z.number().int() })),
    /** Attempts that no longer hold their lease: stop them, publish nothing. */
    lost: z.array(heldOrderSchema),
    commands: z.array(workerCommandSchema),
    heartbeatMs: z.number().int(),
  })
  .meta({ id: "WorkerHeartbeatReply" });

export const workerQuerySchema = pageQuerySchema.extend({ status: listOf(workerStatusSchema).optional() });
export const workerListSchema = pageOf("WorkerList", workerSchema);

export type Worker = z.infer<typeof workerSchema>;
export type WorkerAgent = z.infer<typeof workerAgentSchema>;
export type WorkerCapabilities = z.infer<typeof workerCapabilitiesSchema>;
export type WorkerMetrics = z.infer<typeof workerMetricsSchema>;
export type WorkerRegister = z.infer<typeof workerRegisterSchema>;
export type WorkerRegisterInput = z.input<typeof workerRegisterSchema>;
export type WorkerRegistered = z.infer<typeof workerRegisteredSchema>;
export type WorkerHeartbeat = z.infer<typeof workerHeartbeatSchema>;
export type WorkerHeartbeatReply = z.infer<typeof workerHeartbeatReplySchema>;
export type WorkerCommand = z.infer<typeof workerCommandSchema>;
export type HeldOrder = z.infer<typeof heldOrderSchema>;
