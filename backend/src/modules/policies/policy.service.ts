import type { Policy, PolicyDetail, PolicyDiff, PolicyRules } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import { peopleNamedBy, placeIssues, type ReadPolicy, readPolicy } from "@agentvine/policy";
import { createTwoFilesPatch } from "diff";
import type { Page } from "../../database/bounded-count.ts";
import type { Db, Tx } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { recordAudit } from "../audit/index.ts";
import { recordEvent } from "../events/index.ts";
import {
  announcePolicy,
  findActivePolicy,
  findActiveUsernames,
  findActiveVersion,
  findPolicy,
  insertFirstPolicy,
  listPolicies,
  lockActiveVersion,
  type PolicyRow,
  replaceActivePolicy,
} from "./policy.repository.ts";
import { invalidPolicy } from "./policy.ts";

/** A change of the policy, by whom and on top of which version. */
export interface PolicyChange {
  userId: string;
  comment: string;
  basedOnVersion: number;
  correlationId: string;
}

export interface PolicyService {
  list(query: { page: number; pageSize: number }): Promise<Page<Policy>>;
  active(): Promise<PolicyDetail>;
  /** @throws AppError `policy.not_found` */
  get(version: number, within?: Db | Tx): Promise<PolicyDetail>;
  /** @throws AppError `policy.not_found` */
  diff(version: number, against?: number): Promise<PolicyDiff>;
  /** Writes and activates a new version. @throws AppError `policy.invalid`, `policy.changed` */
  create(yaml: string, change: PolicyChange): Promise<PolicyDetail>;
  /** Brings the content of a version back as a new one. @throws AppError `policy.not_found`, `policy.changed` */
  restore(version: number, change: PolicyChange): Promise<PolicyDetail>;
  /** As `create`, within a transaction. Who calls it holds no lock of another policy. */
  createWithin(tx: Tx, yaml: string, change: PolicyChange): Promise<PolicyDetail>;
  /** Whether there is a first version. */
  isSeeded(): Promise<boolean>;
  /** Writes the first version of a new installation; does nothing when there is one. @throws AppError `config.invalid` */
  seed(policy: { yaml: string; comment: string }): Promise<void>;
}

const toPolicy = (row: PolicyRow): Policy => ({
  version: row.version,
  isActive: row.isActive,
  author: row.authorId === null ? null : { id: row.authorId, username: row.authorName ?? "" },
  comment: row.comment,
  basedOnVersion: row.basedOnVersion,
  restoresVersion: row.restoresVersion,
  ruleCount: row.rules.rules.length,
  createdAt: row.createdAt.toISOString(),
  activatedAt: row.activatedAt.toISOString(),
});
const toDetail = (row: PolicyRow): PolicyDetail => ({
  ...toPolicy(row),
  yaml: row.yaml,
  rules: row.rules.rules,
});

const diffMsMax = 1_000;

function unifiedDiff(before: PolicyRow, after: PolicyRow): string {
  if (before.yaml === after.yaml) {
    return "";
  }
  const patch = createTwoFilesPatch(
    `version ${before.version}`,
    `version ${after.version}`,
    before.yaml,
    after.yaml,
    undefined,
    undefined,
    { context: 3, timeout: diffMsMax },
  );
  return patch ?? "The two have too little in common to be compared in time.\n";
}

/** The rules of a text. @throws AppError `policy.invalid` with every problem and its place */
export function readValidPolicy(yaml: string): Extract<ReadPolicy, { isValid: true }> {
  const policy = readPolicy(yaml);
  if (policy.isValid) {
    return policy;
  }
  throw invalidPolicy(policy.issues);
}

/** Refuses names of nobody who is there. Only of what people write: what is brought back must not wait for a mended name. */
async function assertPeopleThere(tx: Tx, yaml: string, rules: PolicyRules): Promise<void> {
  const named = peopleNamedBy(rules);
  const there = await findActiveUsernames(
    tx,
    named.map(({ username }) => username),
  );
  const missing = named.filter(({ username }) => !there.has(username));
  if (missing.length === 0) {
    return;
  }
  const issues = missing.map(({ username, ...place }) => ({
    ...place,
    message: `nobody active is called ${username}: name somebody else, or everybody`,
    offset: 0,
  }));
  throw invalidPolicy(placeIssues(yaml, issues));
}

/** Versions of the policy: written once, never changed, exactly one active. */
export function createPolicyService({ db }: { db: Db }): PolicyService {
  async function existing(within: Db | Tx, version: number): Promise<PolicyRow> {
    const row = await findPolicy(within, version);
    if (row === undefined) {
      throw new AppError("policy.not_found", `There is no version ${version} of the policy.`);
    }
    return row;
  }

  async function active(within: Db | Tx): Promise<PolicyRow> {
    const row = await findActivePolicy(within);
    if (row === undefined) {
      throw new Error("no policy is active");
    }
    return row;
  }

  async function replace(
    tx: Tx,
    { userId, comment, basedOnVersion, correlationId }: PolicyChange,
    content: Pick<PolicyRow, "yaml" | "rules" | "restoresVersion">,
  ): Promise<PolicyRow> {
    const before = await lockActiveVersion(tx);
    if (before === undefined || before !== basedOnVersion) {
      // Not seen by the lock when it was replaced while waiting for it.
      const { version } = await active(tx);
      throw new AppError(
        "policy.changed",
        `Version ${version} of the policy is active by now, not ${basedOnVersion}: look at what changed first.`,
        { data: { activeVersion: version } },
      );
    }
    const version = before + 1;
    await replaceActivePolicy(tx, before, {
      ...{ version, authorId: userId, comment, basedOnVersion: before },
      ...content,
    });
    await recordEvent(tx, {
      type: "policy.changed",
      correlationId,
      data: { version, previousVersion: before, comment },
    });
    announcePolicy(tx);
    const { yaml } = await existing(tx, before);
    await recordAudit(tx, {
      action: content.restoresVersion === null ? "policy.changed" : "policy.activated",
      ...{ targetType: "policy", targetId: String(version) },
      before: { version: before, yaml },
      after: { version, yaml: content.yaml },
      detail: { comment, restoresVersion: content.restoresVersion },
    });
    return await existing(tx, version);
  }

  const createWithin = async (tx: Tx, yaml: string, change: PolicyChange): Promise<PolicyDetail> => {
    const { rules } = readValidPolicy(yaml);
    return toDetail(await replace(tx, change, { yaml, rules, restoresVersion: null }));
  };

  return {
    createWithin,
    async list(query) {
      const { rows, ...total } = await listPolicies(db, query);
      return { items: rows.map(toPolicy), ...total };
    },
    active: async () => toDetail(await active(db)),
    get: async (version, within = db) => toDetail(await existing(within, version)),
    async diff(version, wanted) {
      const after = await existing(db, version);
      const against = wanted ?? after.basedOnVersion ?? version;
      return { version, against, patch: unifiedDiff(await existing(db, against), after) };
    },
    async create(yaml, change) {
      const { rules } = readValidPolicy(yaml);
      return await inTransaction(db, async (tx) => {
        await assertPeopleThere(tx, yaml, rules);
        return await createWithin(tx, yaml, change);
      });
    },
    async restore(version, change) {
      return toDetail(
        await inTransaction(db, async (tx) => {
          const { yaml } = await existing(tx, version);
          const { rules } = readValidPolicy(yaml);
          return await replace(tx, change, { yaml, rules, restoresVersion: version });
        }),
      );
    },
    isSeeded: async () => (await findActiveVersion(db)) !== undefined,
    async seed({ yaml, comment }) {
      const { rules } = readValidPolicy(yaml);
      await inTransaction(db, async (tx) => {
        const first = { version: 1, authorId: null, basedOnVersion: null, restoresVersion: null };
        if (await insertFirstPolicy(tx, { ...first, yaml, rules, comment })) {
          await recordEvent(tx, {
            type: "policy.changed",
            data: { version: 1, previousVersion: null, comment },
          });
          announcePolicy(tx);
        }
      });
    },
  };
}
