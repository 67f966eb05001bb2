import {
  type Decision,
  type PolicySimulate,
  type PolicySimulation,
  type RuleEffect,
  ruleEffects,
  type SimulatedChange,
} from "@agentvine/contracts";
import { decide, type RuleSet } from "@agentvine/policy";
import type { Db } from "../../database/client.ts";
import type { ActiveRules, ActiveRulesService } from "./active-rules.service.ts";
import type { PastRequest, PastRequests } from "./past-requests.port.ts";
import { readValidPolicy } from "./policy.service.ts";

/** Which past requests are judged, and which of them are told. */
export type ReplayQuery = Pick<PolicySimulate, "limit" | "repositoryId" | "onlyChanges">;

export interface SimulationService {
  /** What the proposed rules would have decided over past requests, beside those that are active. */
  replay(active: ActiveRules, proposed: RuleSet, query: ReplayQuery): Promise<PolicySimulation>;
  /** What the policy would have decided over past requests, beside the active one. @throws AppError `policy.invalid` */
  simulate(input: PolicySimulate): Promise<PolicySimulation>;
}

export interface SimulationDeps {
  db: Db;
  rules: Pick<ActiveRulesService, "activeRules">;
  requests: PastRequests;
  /** How long it may take before the rest is left out. */
  msMax?: number;
}

/** Facts may be large: a few at a time, and other requests get their turn in between. */
const batchSize = 25;
const questionCharactersMax = 300;
type Case = PolicySimulation["items"][number];

/** What becomes of a request that waits. What is settled at once waits for nobody. */
const handlingOf = ({ kind, deadlineSeconds, onTimeout, escalation }: Decision): string =>
  kind === "allow" || kind === "deny" ? "" : JSON.stringify([deadlineSeconds, onTimeout, escalation]);

function changeOf(before: Decision, after: Decision): SimulatedChange | null {
  if (before.kind !== after.kind) return "effect";
  if (handlingOf(before) !== handlingOf(after)) return "handling";
  return before.ruleId === after.ruleId && before.reason === after.reason ? null : "rule";
}

const isOtherwise = (change: SimulatedChange | null): boolean => change === "effect" || change === "handling";

function judge(past: PastRequest, active: RuleSet, proposed: RuleSet): Case {
  const { facts, ...request } = past;
  const before = decide(facts, active);
  const after = decide(facts, proposed);
  const change = changeOf(before, after);
  return {
    requestId: request.id,
    taskId: request.taskId,
    raisedAt: request.raisedAt.toISOString(),
    kind: facts.request.kind,
    question: facts.request.question.slice(0, questionCharactersMax),
    tool: facts.tool?.name ?? null,
    toolClass: facts.tool?.toolClass ?? null,
    command: facts.tool?.command ?? null,
    status: request.status,
    ruleId: request.ruleId,
    policyVersion: request.policyVersion,
    active: before,
    proposed: after,
    change,
    isChanged: isOtherwise(change),
  };
}

const noCounts = (): Record<RuleEffect, number> =>
  Object.fromEntries(ruleEffects.map((effect) => [effect, 0])) as Record<RuleEffect, number>;

/** Past requests one by one, the newest first, read a few at a time. */
async function* pastOf(requests: PastRequests, repositoryId?: string): AsyncGenerator<PastRequest> {
  let before: string | undefined;
  for (;;) {
    const batch = await requests.list({ limit: batchSize, repositoryId, before });
    yield* batch;
    if (batch.length < batchSize) {
      return;
    }
    before = batch.at(-1)?.id;
  }
}

/** Counts the cases and keeps those that are wanted. */
function createTally(onlyChanges: boolean) {
  const counts = { active: noCounts(), proposed: noCounts() };
  const items: Case[] = [];
  const changes: Record<SimulatedChange, number> = { effect: 0, handling: 0, rule: 0 };
  let considered = 0;
  let changed = 0;
  return {
    add: (one: Case): void => {
      considered += 1;
      changed += one.isChanged ? 1 : 0;
      counts.active[one.active.kind] += 1;
      counts.proposed[one.proposed.kind] += 1;
      if (one.change !== null) {
        changes[one.change] += 1;
      }
      if (one.change !== null || !onlyChanges) {
        items.push(one);
      }
    },
    considered: (): number => considered,
    result: () => ({ considered, changed, changes, counts, items }),
  };
}

/** Judges the past by another policy. Reads only, and stops in time. */
export function createSimulationService(deps: SimulationDeps): SimulationService {
  const { db, rules, requests, msMax = 3_000 } = deps;

  const replay = async (
    { version, ruleSet: active }: ActiveRules,
    proposed: RuleSet,
    { limit, repositoryId, onlyChanges }: ReplayQuery,
  ): Promise<PolicySimulation> => {
    const untilMs = performance.now() + msMax;
    const tally = createTally(onlyChanges);
    let isCut = false;
    let isBounded = false;
    for await (const past of pastOf(requests, repositoryId)) {
      isBounded = tally.considered() >= limit;
      isCut = !isBounded && performance.now() > untilMs;
      if (isBounded || isCut) {
        break;
      }
      tally.add(judge(past, active, proposed));
    }
    return { activeVersion: version, isCut, isBounded, ...tally.result() };
  };

  return {
    replay,
    async simulate({ yaml, ...query }) {
      const { ruleSet: proposed } = readValidPolicy(yaml);
      return await replay(await rules.activeRules(db), proposed, query);
    },
  };
}
