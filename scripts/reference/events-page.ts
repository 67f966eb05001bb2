// docs/reference/events.md: every event type, what it says and the facts it carries.
import { type EventType, eventTypes } from "../../packages/contracts/src/index.ts";
import { code, pageHead, table } from "./markdown.ts";

const intro = `Events are facts in the past tense, written in the transaction that made them true. Read them with
\`GET /api/v1/events?after=<position>\`, as a stream at \`GET /api/v1/events/stream\`, or for one task at
\`GET /api/v1/tasks/{taskId}/timeline\`.

Each event has \`id\`, \`position\`, \`type\`, \`occurredAt\`, the ids it is about (\`taskId\`, \`workOrderId\`, \`executionId\`, \`workerId\`,
\`attempt\`; null where they do not apply), \`correlationId\` (the \`X-Request-Id\` that began the work) and \`data\`. Positions rise strictly,
and no later commit can put an event before one you have seen: remember the last position and go on from there.`;

const move = "status, reason";
const moveWithResult = "status, reason, outcome, failure, verification";

/** What each event says, and the fields of its `data`. A type without a line does not compile. */
const meanings: Record<EventType, readonly [meaning: string, data: string]> = {
  "task.created": [
    "A task was created.",
    "status, title, type, priority; createdByExecutionId when an agent proposed it",
  ],
  "task.updated": ["Fields of the task were changed by hand.", "fields"],
  "task.blocked": ["It waits for another task.", move],
  "task.unblocked": ["What it waited for is completed: it is queued.", move],
  "task.queued": ["A work order was queued: at first, or by a retry.", move],
  "task.claimed": ["A worker took its work order.", move],
  "task.waiting": ["It waits for an answer.", move],
  "task.answered": ["The answer came; it goes on.", move],
  "task.requeued": ["It went back to the queue: lease lost, released, or tried again later.", move],
  "task.submitted": ["Its result waits for a review.", moveWithResult],
  "task.approved": ["A reviewer approved the result; it is published next.", "status, by, comment"],
  "task.rejected": ["A reviewer asked for changes; it is queued again.", move],
  "task.completed": ["Its branch is published.", moveWithResult],
  "task.failed": ["It ended without a result that holds.", moveWithResult],
  "task.cancelled": ["Somebody cancelled it.", move],
  "task.deleted": ["It was deleted with its executions.", "title"],
  "work_order.enqueued": ["A work order is pending.", "kind, status, lane; branch for publishing"],
  "work_order.claimed": ["A worker holds its lease; `attempt` is the new number.", "kind, status"],
  "work_order.completed": [
    "Its attempt handed in a result.",
    "kind, status; branch and commit for publishing",
  ],
  "work_order.failed": ["Its attempt failed for good.", "kind, status, outcome, failure, reason"],
  "work_order.cancelled": ["It ended because its task was cancelled.", "kind, status, reason"],
  "work_order.expired": ["Nobody took it before `expiresAt`.", "kind, status, reason"],
  "work_order.lease_lost": [
    "Its worker was not heard of in time; it is pending again.",
    "kind, status, lostLeases",
  ],
  "work_order.retried": [
    "Its attempt failed for a reason that may pass; it is pending again after a delay.",
    "kind, status, outcome, failure, reason",
  ],
  "work_order.released": ["A worker gave it back, for example because it drains.", "kind, status, reason"],
  "work_order.parked": ["It waits for an answer without a worker.", "kind, status, reason, checkpointId"],
  "work_order.resumed": ["The answer came; it is pending, first in its lane.", "kind, status"],
  "work_order.buried": [
    "Three leases were lost: a dead letter. A person may requeue it.",
    "kind, status, reason",
  ],
  "work_order.requeued": ["A person took a dead letter up again.", "kind, status"],
  "execution.started": ["An execution began.", "status, kind"],
  "execution.progressed": [
    "A phase began, a tool was used, a plan was made, the model was asked again, or the gate judged.",
    "kind: phase, tool, plan, model or gate, with its fields",
  ],
  "execution.finished": [
    "An execution ended, in whatever way.",
    "kind, status, failure, verification, reason",
  ],
  "worker.registered": ["A worker process introduced itself.", "name, instanceId, version"],
  "worker.status_changed": [
    "A worker became idle, busy, draining, offline or faulty.",
    "status, reason, name",
  ],
  "worker.deregistered": ["A worker left.", "isForced"],
  "repository.created": ["A repository was registered.", "repositoryId, name"],
  "repository.updated": ["Its name, branch or settings changed.", "repositoryId"],
  "repository.deleted": ["It was removed.", "repositoryId"],
  "worker_request.raised": ["An agent asks something, or for leave.", "requestId, kind, status, generation"],
  "worker_request.routed": [
    "It waits for a controller or for people, and why.",
    "requestId, kind, status, ruleId, reason",
  ],
  "worker_request.adopted": [
    "A later attempt asks the same: it goes on where it stood.",
    "requestId, kind, status, generation",
  ],
  "worker_request.answered": [
    "It was answered, or allowed.",
    "requestId, kind, status, source, by, decision, choice",
  ],
  "worker_request.denied": ["It was denied.", "requestId, kind, status, source, by, reason"],
  "worker_request.unanswered": [
    "Nobody decided before its deadline; the agent is told so.",
    "requestId, kind, status, reason",
  ],
  "worker_request.expired": ["Its deadline passed with nobody there to be told.", "requestId, kind, status"],
  "worker_request.cancelled": [
    "Its task was cancelled, or the agent took it back.",
    "requestId, kind, status, reason",
  ],
  "worker_request.superseded": ["The work it was raised for ended without it.", "requestId, kind, status"],
  "worker_request.escalated": [
    "Its deadline passed; the next of the escalation chain has it.",
    "requestId, kind, status, escalations, to",
  ],
  "worker_request.delegated": ["It was given to somebody.", "requestId, kind, status, assignedTo"],
  "worker_request.delivered": ["The agent has the answer.", "requestId, kind, status"],
  "worker_request.spent": ["The approval was used, by the call it was given for.", "requestId, kind, status"],
  "policy.changed": ["Another version of the policy is active.", "version, previousVersion, comment"],
  "policy.rule_proposed": ["An answer proposed a rule.", "proposalId, ruleId, effect, requestId"],
  "policy.rule_dismissed": ["A proposed rule was dismissed.", "proposalId, ruleId, comment"],
  "message.posted": [
    "Somebody wrote in a conversation; requests and answers are told by their own events.",
    "messageId, conversationId, position, senderKind",
  ],
  "controller.registered": ["A controller introduced itself.", "controllerId, name"],
  "controller.vanished": ["A controller was not heard of in time, or left.", "controllerId, name"],
};

export const eventsPage = (): string =>
  `${pageHead("Events", intro)}
${table(
  ["type", "meaning", "data"],
  eventTypes.map((type) => [code(type), ...meanings[type]]),
)}
`;
