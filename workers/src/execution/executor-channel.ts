import {
  claimSchema,
  failureResultSchema,
  publishSuccessSchema,
  runSuccessSchema,
  sandboxDriverSchema,
} from "@agentvine/contracts";
import { z } from "zod";

/**
 * What supervisor and executor say to each other over the pipe between them. The order comes this way and not on a command line,
 * where every process of the machine could read its token.
 */
const agentSettingsSchema = z.discriminatedUnion("driver", [
  z.object({
    driver: z.literal("builtin"),
    /** `provider/name`. */
    model: z.string(),
    baseUrl: z.string().optional(),
    isScripted: z.boolean(),
  }),
  z.object({
    driver: z.literal("command"),
    argv: z.tuple([z.string()], z.string()),
    isScripted: z.boolean(),
  }),
]);

/** What an executor has to know beside its order. The model's key is not in here: it comes by the environment. */
export const executorSettingsSchema = z.object({
  serverUrl: z.string(),
  /** CA of its certificate; without it the usual ones count. */
  caFile: z.string().optional(),
  dataDir: z.string(),
  workerName: z.string(),
  /** The backend runs on this machine for this machine's people: repositories may be paths. */
  isLocalMode: z.boolean(),
  /** Repositories may lie in private networks. */
  allowsPrivateHosts: z.boolean(),
  agent: agentSettingsSchema.nullable(),
  sandbox: sandboxDriverSchema,
  limits: z.object({
    stepsMax: z.number(),
    tokensMax: z.number(),
    workspaceBytesMax: z.number(),
    diskFreeBytesMin: z.number(),
  }),
  /** How long the agent gets between TERM and KILL. */
  stopGraceMs: z.number(),
  /** How long an agent waits for an answer before its turn ends, and how long one question to the backend takes at most. */
  waiting: z.object({ liveMsMax: z.number(), pollSeconds: z.number() }),
  logLevel: z.string(),
});

/** How an execution ends, as it is handed to the backend. */
export const attemptResultSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("complete"),
    result: z.discriminatedUnion("outcome", [runSuccessSchema, publishSuccessSchema]),
  }),
  z.object({ kind: z.literal("fail"), result: failureResultSchema }),
  z.object({ kind: z.literal("release"), reason: z.string() }),
  z.object({
    kind: z.literal("park"),
    checkpointId: z.string(),
    reason: z.string(),
    /** What it waits for. */
    requestIds: z.array(z.string()).optional(),
  }),
]);

export const toExecutorSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("start"), claim: claimSchema, settings: executorSettingsSchema }),
  z.object({ type: z.literal("ping"), id: z.number() }),
  /** Somebody cancelled the task: end the agent, hand in `cancelled`. */
  z.object({ type: z.literal("cancel"), reason: z.string() }),
  /** The worker goes away: keep a checkpoint, give the order back. */
  z.object({ type: z.literal("drain"), reason: z.string() }),
  /** The lease is lost: end everything, hand in nothing. */
  z.object({ type: z.literal("stop"), reason: z.string() }),
  /** The result is safe on disk. */
  z.object({ type: z.literal("result_kept") }),
]);

export const fromExecutorSchema = z.discriminatedUnion("type", [
  /** The program is loaded and waits for `start`. */
  z.object({ type: z.literal("ready") }),
  z.object({ type: z.literal("pong"), id: z.number() }),
  z.object({ type: z.literal("phase"), phase: z.string() }),
  /** It begins or ends to wait for answers; that time is not the order's. */
  z.object({ type: z.literal("waiting"), isWaiting: z.boolean() }),
  z.object({ type: z.literal("result"), result: attemptResultSchema }),
  /** The backend told the executor that its attempt is over. */
  z.object({ type: z.literal("lease_lost"), reason: z.string() }),
]);

export type AgentSettings = z.infer<typeof agentSettingsSchema>;
export type ExecutorSettings = z.infer<typeof executorSettingsSchema>;
export type AttemptResult = z.infer<typeof attemptResultSchema>;
export type ToExecutor = z.infer<typeof toExecutorSchema>;
export type FromExecutor = z.infer<typeof fromExecutorSchema>;
