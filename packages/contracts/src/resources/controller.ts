import { z } from "zod";
import { idSchema, nameSchema, timestampSchema } from "../scalars.ts";
import { usageSchema } from "./execution.ts";
import { citationSchema, workerRequestSchema } from "./worker-request.ts";

export const controllerMetricsSchema = z
  .object({
    answered: z.number().int().min(0),
    handedOver: z.number().int().min(0),
    refusedReplies: z.number().int().min(0),
    modelFailures: z.number().int().min(0),
    usage: usageSchema,
    thinkingMsP50: z.number().min(0).nullable(),
  })
  .meta({ id: "ControllerMetrics" });

export const controllerSchema = z
  .object({
    id: idSchema,
    name: z.string(),
    status: z.enum(["online", "offline"]),
    version: z.string(),
    /** `provider/name`; null when none is configured: it then hands everything over to people. */
    model: z.string().nullable(),
    isScripted: z.boolean(),
    metrics: controllerMetricsSchema.nullable(),
    /** Why it can't answer (no model, model unreachable); empty when it can. */
    fault: z.string(),
    registeredAt: timestampSchema,
    lastHeartbeatAt: timestampSchema.nullable(),
  })
  .meta({ id: "Controller" });

export const controllerListSchema = z
  .object({ items: z.array(controllerSchema) })
  .meta({ id: "ControllerList" });

export const controllerRegisterSchema = z
  .object({
    name: nameSchema,
    instanceId: idSchema,
    version: z.string().max(100),
    model: z.string().max(200).nullable(),
    isScripted: z.boolean().default(false),
  })
  .meta({ id: "ControllerRegister" });
export const controllerRegisteredSchema = z
  .object({ controller: controllerSchema, heartbeatMs: z.number().int(), leaseMs: z.number().int() })
  .meta({ id: "ControllerRegistered" });

export const controllerHeartbeatSchema = z
  .object({
    instanceId: idSchema,
    metrics: controllerMetricsSchema.optional(),
    fault: z.string().max(1_000).nullable().default(null),
  })
  .meta({ id: "ControllerHeartbeat" });

export const requestClaimSchema = z
  .object({
    controllerId: idSchema,
    instanceId: idSchema,
    waitSeconds: z.number().min(0).max(50).default(25),
  })
  .meta({ id: "RequestClaim" });

/** A worker request leased to a controller: it alone may answer it, until the lease ends. */
export const requestLeaseSchema = z
  .object({
    request: workerRequestSchema,
    /** Names this lease; an answer or a renewal with another one is refused. */
    leaseToken: z.string(),
    leaseMs: z.number().int(),
    task: z.object({
      id: idSchema,
      title: z.string(),
      description: z.string(),
      type: z.string(),
      branchName: z.string().nullable(),
    }),
    correlationId: z.string(),
  })
  .meta({ id: "RequestLease" });

const leaseRef = {
  controllerId: idSchema,
  leaseToken: z.string().min(1).max(200),
  generation: z.number().int().min(1),
};
export const leaseRenewSchema = z.object(leaseRef).meta({ id: "LeaseRenew" });

/** What the model answered. It chooses among what was offered; it can't widen a rule. */
export const automatedAnswerSchema = z
  .object({
    ...leaseRef,
    choice: z.string().max(100).nullable().default(null),
    text: z.string().max(20_000).default(""),
    confidence: z.number().min(0).max(1),
    citations: z.array(citationSchema.pick({ kind: true, id: true, version: true, quote: true })).max(20),
    usage: usageSchema.nullable().default(null),
  })
  .meta({ id: "AutomatedAnswer" });

/** The controller gives it to people, and says why: low confidence, a bad reply, a refusal, a model that can't be reached. */
export const handOverSchema = z
  .object({ ...leaseRef, reason: z.string().min(1).max(2_000), usage: usageSchema.nullable().default(null) })
  .meta({ id: "HandOver" });

/** The controller that gave the answer proposes it. What the document says is taken from the request, not from the controller. */
export const documentProposeSchema = z.object({ controllerId: idSchema }).meta({ id: "DocumentPropose" });

export type Controller = z.infer<typeof controllerSchema>;
export type ControllerMetrics = z.infer<typeof controllerMetricsSchema>;
export type ControllerRegister = z.infer<typeof controllerRegisterSchema>;
export type ControllerHeartbeat = z.infer<typeof controllerHeartbeatSchema>;
export type RequestClaim = z.infer<typeof requestClaimSchema>;
export type RequestLease = z.infer<typeof requestLeaseSchema>;
export type AutomatedAnswer = z.infer<typeof automatedAnswerSchema>;
export type HandOver = z.infer<typeof handOverSchema>;
