import { z } from "zod";
import { pageOf } from "../pagination.ts";
import { idSchema, timestampSchema } from "../scalars.ts";
import { workerRequestStatusSchema } from "../state-machines/worker-request-machine.ts";
import {
  permissionLevelSchema,
  prioritySchema,
  sandboxDriverSchema,
  taskTypeSchema,
  toolClassSchema,
} from "../vocabulary.ts";
import { onTimeoutSchema, workerRequestKindSchema } from "./worker-request.ts";

/** Where a rule sends a request: settled at once, to a controller's model, or to a person. */
export const ruleEffects = ["allow", "deny", "automated", "human"] as const;
export const ruleEffectSchema = z.enum(ruleEffects).meta({ id: "RuleEffect" });
export type RuleEffect = z.infer<typeof ruleEffectSchema>;

/** What a request is about: a call of a tool, the plan of a task, or words (clarifications and questions). */
export const requestSubjects = ["tool_call", "plan", "text"] as const;
export const requestSubjectSchema = z.enum(requestSubjects).meta({ id: "RequestSubject" });
export type RequestSubject = z.infer<typeof requestSubjectSchema>;

const noNul = (text: string): boolean => !text.includes("\u0000");
const line = (max: number) =>
  z.string().min(1).max(max).refine(noNul, { message: "must not hold a NUL character" });
const patterns = (max: number) => z.array(line(max)).min(1).max(200);

/** Whom an escalation names when it means all who may answer. */
export const everybody = "everybody";

/** Whom an unanswered request is shown next, and after how long. */
export const escalationStepSchema = z
  .strictObject({
    /** Counted like the deadline; each step comes after the one before and before `deadlineSeconds`. */
    afterSeconds: z.number().int().min(1).max(2_592_000),
    /** A person's user name, or `everybody`. */
    to: line(200),
  })
  .meta({ id: "EscalationStep" });

/** One rule. Every condition that is given must hold; one that is left out holds always. */
export const policyRuleSchema = z
  .strictObject({
    id: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,99}$/, "small letters, digits and . _ - only, 100 at most"),
    description: line(500).optional(),
    effect: ruleEffectSchema,
    /** Left out: approvals for `allow`; clarifications and questions for `automated`; everything for `deny` and `human`. */
    kinds: z.array(workerRequestKindSchema).min(1).max(3).optional(),
    /** Left out: everything, but `allow` settles a plan only when it says so. */
    subjects: z.array(requestSubjectSchema).min(1).max(3).optional(),
    /** Names of tools; `*` stands for any characters. */
    tools: patterns(200).optional(),
    toolClasses: z.array(toolClassSchema).min(1).max(10).optional(),
    /** Simple commands. `allow` and `automated` need every command of the shell line to match, `deny` and `human` any. */
    commands: patterns(500).optional(),
    /** Globs relative to the workspace. `allow` and `automated` need every path to match, `deny` and `human` any. */
    paths: patterns(500).optional(),
    /** Canonical keys of repositories; `*` stands for any characters. */
    repositories: patterns(500).optional(),
    /** A condition in CEL over `request`, `tool`, `task`, `worker` and `repository`. */
    when: line(2_000).optional(),
    /** Said to the agent and shown to people; the description when left out. */
    reason: line(1_000).optional(),
    /** How long the request may stay open, counted from when people have it; a model has it so long at most before them. */
    deadlineSeconds: z.number().int().min(1).max(2_592_000).optional(),
    onTimeout: onTimeoutSchema.optional(),
    escalation: z.array(escalationStepSchema).max(10).optional(),
  })
  .meta({ id: "PolicyRule" });

/** A rule set: in order, the first that matches wins, and a `deny` that matches outranks them all. */
export const policyRulesSchema = z
  .strictObject({
    description: line(2_000).optional(),
    rules: z.array(policyRuleSchema).max(500),
  })
  .meta({ id: "PolicyRules" });

const taskFactsSchema = z.object({
  type: taskTypeSchema,
  priority: prioritySchema,
  permissionLevel: permissionLevelSchema,
  title: z.string(),
});
const workerFactsSchema = z.object({
  name: z.string(),
  labels: z.array(z.string()),
  sandbox: sandboxDriverSchema,
  /** False when nothing confines the agent. */
  isConfined: z.boolean(),
});
const repositoryFactsSchema = z.object({ url: z.string(), key: z.string() });

/** Everything a rule may look at. Kept with the request, so that another rule set can be judged by it later. */
export const policyFactsSchema = z
  .object({
    request: z.object({
      kind: workerRequestKindSchema,
      subject: requestSubjectSchema,
      question: z.string(),
      /** Labels of the offered options. */
      options: z.array(z.string()),
      reason: z.string(),
    }),
    /** The call that is to be approved; null when there is none. */
    tool: z
      .object({
        name: z.string(),
        toolClass: toolClassSchema,
        /** The shell line, when the tool runs one. */
        command: z.string().nullable(),
        /** What it reads or writes, relative to the workspace; absolute when outside. */
        paths: z.array(z.string()),
        arguments: z.record(z.string(), z.unknown()),
      })
      .nullable(),
    task: taskFactsSchema,
    worker: workerFactsSchema,
    repository: repositoryFactsSchema,
  })
  .meta({ id: "PolicyFacts" });

/** What is known before any call is made. */
export const policyContextSchema = policyFactsSchema.pick({ task: true, worker: true, repository: true });

/** How a request is routed, or settled at once. Nothing is ever allowed by a deadline. */
export const decisionSchema = z
  .object({
    kind: ruleEffectSchema,
    ruleId: z.string(),
    reason: z.string(),
    deadlineSeconds: z.number().int(),
    onTimeout: onTimeoutSchema,
    escalation: z.array(escalationStepSchema),
  })
  .meta({ id: "Decision" });

/** A tool class that needs no approval under the rule named. */
export const preAllowedClassSchema = z.object({ toolClass: toolClassSchema, ruleId: z.string() });

export type EscalationStep = z.infer<typeof escalationStepSchema>;
export type PolicyRule = z.infer<typeof policyRuleSchema>;
export type PolicyRules = z.infer<typeof policyRulesSchema>;
export type PolicyFacts = z.infer<typeof policyFactsSchema>;
export type PolicyContext = z.infer<typeof policyContextSchema>;
export type Decision = z.infer<typeof decisionSchema>;
export type PreAllowedClass = z.infer<typeof preAllowedClassSchema>;

/** A version of the policy: never changed, one of them is active. */
export const policySchema = z
  .object({
    version: z.number().int().min(1),
    isActive: z.boolean(),
    /** Null: it came with the program or from a file at the first start. */
    author: z.object({ id: idSchema, username: z.string() }).nullable(),
    comment: z.string(),
    /** The version that was active when it was written. */
    basedOnVersion: z.number().int().nullable(),
    /** The version whose content it brings back. */
    restoresVersion: z.number().int().nullable(),
    ruleCount: z.number().int(),
    createdAt: timestampSchema,
    activatedAt: timestampSchema,
  })
  .meta({ id: "Policy" });
export const policyDetailSchema = policySchema
  .extend({ yaml: z.string(), rules: z.array(policyRuleSchema) })
  .meta({ id: "PolicyDetail" });
export const policyListSchema = pageOf("PolicyList", policySchema);

const commentSchema = z.string().max(2_000).refine(noNul, { message: "must not hold a NUL character" });
const policyTextSchema = z
  .string()
  .min(1)
  .max(262_144)
  .refine(noNul, { message: "must not hold a NUL character" });

/** A new version. It is refused when another one than `basedOnVersion` is active by now. */
export const policyCreateSchema = z
  .object({
    yaml: policyTextSchema,
    comment: commentSchema.default(""),
    basedOnVersion: z.number().int().min(1),
  })
  .meta({ id: "PolicyCreate" });

export const policyActivateSchema = z
  .object({ comment: commentSchema.default(""), basedOnVersion: z.number().int().min(1) })
  .meta({ id: "PolicyActivate" });

export const policyDiffSchema = z
  .object({
    version: z.number().int(),
    against: z.number().int(),
    /** Unified diff from `against` to `version`; empty when both say the same. */
    patch: z.string(),
  })
  .meta({ id: "PolicyDiff" });

export const policySimulateSchema = z
  .object({
    yaml: policyTextSchema,
    /** How many past requests are looked at, newest first. */
    limit: z.number().int().min(1).max(1_000).default(200),
    repositoryId: idSchema.optional(),
    /** Leaves out the requests that both decide alike, by the same rule for the same reason. */
    onlyChanges: z.boolean().default(true),
  })
  .meta({ id: "PolicySimulate" });

/**
 * How the decisions of two policies differ: in their effect; in what becomes of a request that waits (deadline, time-out, chain); or only in
 * the rule that decides, or its reason.
 */
export const simulatedChanges = ["effect", "handling", "rule"] as const;
export const simulatedChangeSchema = z.enum(simulatedChanges).meta({ id: "SimulatedChange" });
export type SimulatedChange = z.infer<typeof simulatedChangeSchema>;
const simulatedCountsSchema = z.record(ruleEffectSchema, z.number().int());

/** What another policy would have decided over past requests, beside the active one. */
export const policySimulationSchema = z
  .object({
    /** The version that is active. */
    activeVersion: z.number().int(),
    /** How many requests were judged; fewer than asked for when there are no more, or when `isCut`. */
    considered: z.number().int(),
    /** How many would be settled, routed or handled differently: `changes.effect` and `changes.handling`. */
    changed: z.number().int(),
    /** How many there are of each change. */
    changes: z.record(simulatedChangeSchema, z.number().int()),
    /** True when it took too long and the older requests were left out. */
    isCut: z.boolean(),
    /** True when there are older requests that were not looked at because no more were asked for. */
    isBounded: z.boolean(),
    counts: z.object({ active: simulatedCountsSchema, proposed: simulatedCountsSchema }),
    items: z.array(
      z.object({
        requestId: idSchema,
        taskId: idSchema,
        raisedAt: timestampSchema,
        kind: workerRequestKindSchema,
        /** The first 300 characters. */
        question: z.string(),
        tool: z.string().nullable(),
        toolClass: toolClassSchema.nullable(),
        command: z.string().nullable(),
        /** Where it stands, and the rule that routed it then. */
        status: workerRequestStatusSchema,
        ruleId: z.string(),
        policyVersion: z.number().int(),
        active: decisionSchema,
        proposed: decisionSchema,
        /** The greatest of the differences; null when there is none. */
        change: simulatedChangeSchema.nullable(),
        /** True when the effect or the handling differs. */
        isChanged: z.boolean(),
      }),
    ),
  })
  .meta({ id: "PolicySimulation" });

export type Policy = z.infer<typeof policySchema>;
export type PolicyDetail = z.infer<typeof policyDetailSchema>;
export type PolicyCreate = z.infer<typeof policyCreateSchema>;
export type PolicyActivate = z.infer<typeof policyActivateSchema>;
export type PolicyDiff = z.infer<typeof policyDiffSchema>;
export type PolicySimulate = z.infer<typeof policySimulateSchema>;
export type PolicySimulation = z.infer<typeof policySimulationSchema>;
