import {
  type Decision,
  isLiveRequestStatus,
  type PolicyFacts,
  type RequestRaise,
} from "@agentvine/contracts";
import type { Tx } from "../../database/client.ts";
import type { HeldWork } from "../queue/index.ts";
import { readFacts } from "./asked.repository.ts";
import type { RoutedDecision } from "./decide.port.ts";
import { alikeGroupOf } from "./fingerprint.ts";
import type { PrecedentRow } from "./precedent.repository.ts";
import type { NewRequest } from "./request.repository.ts";
import type { RequestRow } from "./request-row.repository.ts";

/** Everything the rules may look at. */
export async function factsOf(
  tx: Tx,
  { task, executionId }: HeldWork,
  raise: RequestRaise,
): Promise<PolicyFacts> {
  const known = await readFacts(tx, executionId, task.repositoryId);
  const { approval, kind, question, options, reason } = raise;
  return {
    request: {
      ...{ kind, question, reason },
      subject: approval?.subject ?? "text",
      options: options.map(({ label }) => label),
    },
    tool:
      approval === null || approval.subject === "plan"
        ? null
        : {
            name: approval.tool,
            toolClass: approval.toolClass,
            command: approval.command,
            paths: approval.paths,
            arguments: approval.arguments,
          },
    task: {
      type: task.taskType,
      priority: task.priority,
      permissionLevel: task.permissionLevel,
      title: task.title,
    },
    worker: {
      name: known?.name ?? "",
      labels: known?.capabilities?.labels ?? [],
      sandbox: known?.sandbox ?? "none",
      isConfined: known?.capabilities?.sandbox.isConfined ?? false,
    },
    repository: { url: task.repositoryUrl, key: known?.canonical_key ?? "" },
  };
}

/** The same call with another command. */
export const withCommand = (facts: PolicyFacts, command: string): PolicyFacts => ({
  ...facts,
  tool: facts.tool && { ...facts.tool, command, arguments: { ...facts.tool.arguments, command } },
});

/** A plan is a person's to approve, whatever the rules say; but what a rule denies stays denied. */
function planDecision(decision: RoutedDecision, raise: RequestRaise): RoutedDecision {
  if (raise.approval?.subject !== "plan" || decision.kind === "deny" || decision.kind === "human")
    return decision;
  return { ...decision, kind: "human", reason: "A plan is approved by a person." };
}

const statusOf = { allow: "answered", deny: "denied", automated: "automated", human: "human" } as const;

/** What a rule alone settles is settled as it is raised. */
function answerByRule({ kind, ruleId, reason }: Decision) {
  if (kind !== "allow" && kind !== "deny") return {};
  return {
    answerSource: "rule" as const,
    answerSourceId: ruleId,
    answeredBy: `rule ${ruleId}`,
    decision: kind,
    answerReason: reason,
  };
}

function answerByPrecedent({ id, question, choice, text, person }: PrecedentRow & { person: string }) {
  const citation = {
    kind: "precedent" as const,
    id,
    version: null,
    title: question.slice(0, 300),
    quote: text.slice(0, 2_000),
  };
  return {
    answerSource: "precedent" as const,
    answerSourceId: id,
    answeredBy: `an earlier answer of ${person}`,
    choice,
    answerText: text,
    citations: [citation],
    answerReason: "the same was asked and answered before",
  };
}

/** Who asks what for which piece of work. */
const askedBy = ({ task, order, executionId }: HeldWork, raise: RequestRaise) => {
  const { kind, question, reason, options, approval, callId } = raise;
  return {
    ...{ kind, question, reason, options, approval, callId, executionId },
    taskId: task.id,
    alikeGroup: alikeGroupOf(task.repositoryId, raise),
    repositoryId: task.repositoryId,
    workOrderId: order.id,
    workerId: order.workerId,
    attempt: order.attempt,
    correlationId: order.correlationId,
  };
};

/** A request as the rules decided about it. */
export function requestByRules(
  held: HeldWork,
  raise: RequestRaise,
  judged: {
    fingerprint: string;
    facts: PolicyFacts;
    decision: RoutedDecision;
    /** The earlier answer that settles it. */
    precedent: (PrecedentRow & { person: string }) | undefined;
  },
): NewRequest {
  const { fingerprint, facts, decision, precedent } = judged;
  const routed = planDecision(decision, raise);
  const status = precedent === undefined ? statusOf[routed.kind] : "answered";
  const isSettled = !isLiveRequestStatus(status);
  return {
    ...askedBy(held, raise),
    ...{ status, fingerprint, facts, isSettled },
    ruleId: routed.ruleId,
    policyVersion: routed.policyVersion,
    routeReason: routed.reason,
    onTimeout: routed.onTimeout,
    escalation: routed.escalation,
    deadlineSeconds: isSettled ? null : routed.deadlineSeconds,
    ...(precedent === undefined ? answerByRule(routed) : answerByPrecedent(precedent)),
  };
}

/** A call that a person allowed for as long as the task lives. Leave for a changed call is leave for that one alone. */
export function requestByGrant(
  held: HeldWork,
  raise: RequestRaise,
  { fingerprint, granted, facts }: { fingerprint: string; granted: RequestRow; facts: PolicyFacts },
): NewRequest {
  const isChanged = granted.grantedFingerprint !== null && granted.grantedFingerprint !== fingerprint;
  return {
    ...askedBy(held, raise),
    status: "answered",
    ...{ fingerprint, facts },
    ruleId: granted.ruleId,
    policyVersion: granted.policyVersion,
    routeReason: granted.routeReason,
    onTimeout: granted.onTimeout,
    escalation: [],
    deadlineSeconds: null,
    isSettled: true,
    answerSource: granted.answerSource,
    answerSourceId: granted.answerSourceId,
    answeredBy: granted.answeredBy,
    decision: "allow",
    scope: "task",
    answerReason: "allowed for as long as the task lives",
    ...(isChanged
      ? { grantedFingerprint: granted.grantedFingerprint, editedCommand: granted.editedCommand }
      : {}),
  };
}
