import { z } from "zod";
import { listOf, pageOf, pageQuerySchema } from "../pagination.ts";
import { idSchema, timestampSchema } from "../scalars.ts";
import { decisionSchema, policyRuleSchema, policySimulationSchema } from "./policy.ts";

export const ruleProposalStatuses = ["open", "accepted", "dismissed"] as const;
export const ruleProposalStatusSchema = z.enum(ruleProposalStatuses).meta({ id: "RuleProposalStatus" });
export type RuleProposalStatus = z.infer<typeof ruleProposalStatusSchema>;

const personSchema = z.object({ id: idSchema, username: z.string() });

/** A rule that somebody wished for with an answer. It decides nothing until it is accepted into the policy. */
export const ruleProposalSchema = z
  .object({
    id: idSchema,
    status: ruleProposalStatusSchema,
    rule: policyRuleSchema,
    /** The first request whose answer wished for it, and what it asked. */
    workerRequestId: idSchema,
    repositoryId: idSchema,
    question: z.string(),
    author: personSchema,
    createdAt: timestampSchema,
    decidedAt: timestampSchema.nullable(),
    decidedBy: personSchema.nullable(),
    comment: z.string(),
    /** The version of the policy that began with it. */
    policyVersion: z.number().int().nullable(),
  })
  .meta({ id: "RuleProposal" });

export const ruleProposalDetailSchema = ruleProposalSchema
  .extend({
    /** The rule as it would be written. */
    yaml: z.string(),
    /** What the active policy with this rule would decide of the request it comes from; null once it is decided on. */
    decision: decisionSchema.nullable(),
    /** Why it can't be accepted as things stand; empty when it can. */
    obstacle: z.string(),
    /** Past requests, decided by the active policy and by it with this rule. Its `activeVersion` is what an acceptance is based on. */
    replay: policySimulationSchema.nullable(),
  })
  .meta({ id: "RuleProposalDetail" });

export const ruleProposalListSchema = pageOf("RuleProposalList", ruleProposalSchema);

export const ruleProposalListQuerySchema = pageQuerySchema.extend({
  status: listOf(ruleProposalStatusSchema).optional(),
  repositoryId: idSchema.optional(),
});

export const ruleProposalQuerySchema = z.object({
  /** How many past requests the replay looks at, newest first. */
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
});

const commentSchema = z
  .string()
  .max(1_000)
  .refine((text) => !text.includes("\u0000"), { message: "must not hold a NUL character" })
  .default("");

/** Takes the rule into the policy, as a new version. Refused when another one than `basedOnVersion` is active by now. */
export const ruleProposalAcceptSchema = z
  .object({ basedOnVersion: z.number().int().min(1).max(2_147_483_647), comment: commentSchema })
  .meta({ id: "RuleProposalAccept" });

export const ruleProposalDismissSchema = z
  .object({ comment: commentSchema })
  .meta({ id: "RuleProposalDismiss" });

export type RuleProposal = z.infer<typeof ruleProposalSchema>;
export type RuleProposalDetail = z.infer<typeof ruleProposalDetailSchema>;
export type RuleProposalListQuery = z.infer<typeof ruleProposalListQuerySchema>;
export type RuleProposalAccept = z.infer<typeof ruleProposalAcceptSchema>;
export type RuleProposalDismiss = z.infer<typeof ruleProposalDismissSchema>;
