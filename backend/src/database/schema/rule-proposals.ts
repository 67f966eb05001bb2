import {
  type PolicyFacts,
  type PolicyRule,
  type RuleProposalStatus,
  ruleProposalStatuses,
} from "@agentvine/contracts";
import { sql } from "drizzle-orm";
import { index, integer, jsonb, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { createdAtColumn, idColumn, isOneOf, momentColumn } from "./columns.ts";
import { repositories } from "./repositories.ts";
import { users } from "./users.ts";

/** Rules that people wished for with an answer. They outlive the request they come from, and decide nothing until accepted. */
export const ruleProposals = pgTable(
  "rule_proposals",
  {
    id: idColumn(),
    status: text("status").$type<RuleProposalStatus>().notNull().default("open"),
    rule: jsonb("rule").$type<PolicyRule>().notNull(),
    /** SHA-256 of what the rule says, without its name: a second wish for the same is the same proposal. */
    ruleHash: text("rule_hash").notNull(),
    /** What the rules saw of the request: where the rule has its place is told by it. */
    facts: jsonb("facts").$type<PolicyFacts>().notNull(),
    question: text("question").notNull(),
    workerRequestId: uuid("worker_request_id").notNull(),
    repositoryId: uuid("repository_id")
      .notNull()
      .references(() => repositories.id, { onDelete: "cascade" }),
    authorId: uuid("author_id")
      .notNull()
      .references(() => users.id),
    createdAt: createdAtColumn(),
    decidedAt: momentColumn("decided_at"),
    decidedBy: uuid("decided_by").references(() => users.id),
    comment: text("comment").notNull().default(""),
    policyVersion: integer("policy_version"),
  },
  (table) => [
    uniqueIndex("rule_proposals_open_key").on(table.ruleHash).where(sql`status = 'open'`),
    index("rule_proposals_status_idx").on(table.status, table.createdAt),
    index("rule_proposals_repository_id_idx").on(table.repositoryId),
    index("rule_proposals_author_id_idx").on(table.authorId),
    index("rule_proposals_decided_by_idx").on(table.decidedBy),
    isOneOf("rule_proposals_status_check", table.status, ruleProposalStatuses),
  ],
);
