import type { PolicyFacts, PolicyRule, RuleProposal, RuleProposalListQuery } from "@agentvine/contracts";
import { and, desc, eq, inArray, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import { countUpTo, type Page } from "../../database/bounded-count.ts";
import type { Db, Tx } from "../../database/client.ts";
import { ruleProposals, users } from "../../database/schema/index.ts";
import { storableText } from "../../storable-json.ts";

export type RuleProposalRow = typeof ruleProposals.$inferSelect;

const authors = alias(users, "authors");
const deciders = alias(users, "deciders");

const selectView = (db: Db | Tx) =>
  db
    .select({ row: ruleProposals, author: authors.username, decider: deciders.username })
    .from(ruleProposals)
    .innerJoin(authors, eq(authors.id, ruleProposals.authorId))
    .leftJoin(deciders, eq(deciders.id, ruleProposals.decidedBy));

interface View {
  row: RuleProposalRow;
  author: string;
  decider: string | null;
}

const toProposal = ({ row, author, decider }: View): RuleProposal => ({
  id: row.id,
  status: row.status,
  rule: row.rule,
  workerRequestId: row.workerRequestId,
  repositoryId: row.repositoryId,
  question: row.question,
  author: { id: row.authorId, username: author },
  createdAt: row.createdAt.toISOString(),
  decidedAt: row.decidedAt?.toISOString() ?? null,
  decidedBy: row.decidedBy === null ? null : { id: row.decidedBy, username: decider ?? "" },
  comment: row.comment,
  policyVersion: row.policyVersion,
});

export interface NewRuleProposal {
  id: string;
  rule: PolicyRule;
  ruleHash: string;
  facts: PolicyFacts;
  question: string;
  workerRequestId: string;
  repositoryId: string;
  authorId: string;
}

/** Keeps a proposal; the open one that says the same when there is one. */
export async function keepRuleProposal(
  tx: Tx,
  proposal: NewRuleProposal,
): Promise<{ id: string; isNew: boolean }> {
  const [row] = await tx
    .insert(ruleProposals)
    .values(proposal)
    .onConflictDoUpdate({
      target: ruleProposals.ruleHash,
      targetWhere: sql`status = 'open'`,
      // Changes nothing: the row that is there comes back, locked, so that nobody decides on it meanwhile.
      set: { ruleHash: proposal.ruleHash },
    })
    .returning({ id: ruleProposals.id });
  if (row === undefined) throw new Error("the insert returned no row");
  return { id: row.id, isNew: row.id === proposal.id };
}

/** The proposal as it is stored, locked within a transaction that decides on it. */
export async function lockRuleProposal(tx: Tx, id: string): Promise<RuleProposalRow | undefined> {
  const [row] = await tx.select().from(ruleProposals).where(eq(ruleProposals.id, id)).for("update");
  return row;
}

/** The proposal as the API shows it, and what it was drafted from. */
export async function readRuleProposal(
  db: Db | Tx,
  id: string,
): Promise<{ proposal: RuleProposal; facts: PolicyFacts } | undefined> {
  const [view] = await selectView(db).where(eq(ruleProposals.id, id));
  return view && { proposal: toProposal(view), facts: view.row.facts };
}

export async function listRuleProposals(
  db: Db,
  { page, pageSize, status, repositoryId }: RuleProposalListQuery,
): Promise<Page<RuleProposal>> {
  const where = and(
    status === undefined ? undefined : inArray(ruleProposals.status, status),
    repositoryId === undefined ? undefined : eq(ruleProposals.repositoryId, repositoryId),
  );
  const rows = await selectView(db)
    .where(where)
    .orderBy(desc(ruleProposals.createdAt), desc(ruleProposals.id))
    .limit(pageSize)
    .offset((page - 1) * pageSize);
  return { items: rows.map(toProposal), ...(await countUpTo(db, ruleProposals, where)) };
}

/** Ends a locked, open proposal. */
export async function decideRuleProposal(
  tx: Tx,
  id: string,
  how: { status: "accepted" | "dismissed"; userId: string; comment: string; policyVersion: number | null },
): Promise<void> {
  await tx
    .update(ruleProposals)
    .set({
      status: how.status,
      decidedAt: sql`now()`,
      decidedBy: how.userId,
      comment: storableText(how.comment),
      policyVersion: how.policyVersion,
    })
    .where(and(eq(ruleProposals.id, id), eq(ruleProposals.status, "open")));
}
