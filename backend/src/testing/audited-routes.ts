import { type AuditAction, type EndpointShape, endpoints } from "@agentvine/contracts";

// What of all that people and keys can change is found again in the audit log. A new route that changes something has to be entered here
// by somebody who means it: either with what it leaves behind, or with the reason why that is not needed.

/** Routes that leave an entry, with its action. */
export const auditedRoutes: Readonly<Record<string, AuditAction>> = {
  "POST /api/v1/api-keys": "api_key.created",
  "POST /api/v1/api-keys/:apiKeyId/rotate": "api_key.rotated",
  "DELETE /api/v1/api-keys/:apiKeyId": "api_key.revoked",
  "POST /api/v1/local-links": "local_link.created",
  "POST /api/v1/repositories": "repository.created",
  "PATCH /api/v1/repositories/:repositoryId": "repository.updated",
  "DELETE /api/v1/repositories/:repositoryId": "repository.deleted",
  "POST /api/v1/credentials": "credential.created",
  "PATCH /api/v1/credentials/:credentialId": "credential.updated",
  "DELETE /api/v1/credentials/:credentialId": "credential.deleted",
  "PUT /api/v1/repositories/:repositoryId/secrets/:name": "secret.updated",
  "DELETE /api/v1/repositories/:repositoryId/secrets/:name": "secret.deleted",
  "POST /api/v1/secrets/rotate": "secret.rotated",
  "PATCH /api/v1/tasks/:taskId": "task.updated",
  "DELETE /api/v1/tasks/:taskId": "task.deleted",
  "POST /api/v1/tasks/:taskId/cancel": "task.cancelled",
  "POST /api/v1/tasks/:taskId/retry": "task.retried",
  "POST /api/v1/tasks/:taskId/review": "task.reviewed",
  "POST /api/v1/tasks/:taskId/dependencies": "task.dependency_added",
  "DELETE /api/v1/tasks/:taskId/dependencies/:dependsOnTaskId": "task.dependency_removed",
  "POST /api/v1/workers/:workerId/drain": "worker.drained",
  "DELETE /api/v1/workers/:workerId": "worker.removed",
  "POST /api/v1/queue/requeue": "work_order.requeued",
  "POST /api/v1/queue/resume": "work_order.resumed",
  "POST /api/v1/controllers/:controllerId/deregister": "controller.removed",
  "POST /api/v1/notice-channels": "notice_channel.created",
  "PATCH /api/v1/notice-channels/:channelId": "notice_channel.updated",
  "DELETE /api/v1/notice-channels/:channelId": "notice_channel.deleted",
  "POST /api/v1/policies": "policy.changed",
  "POST /api/v1/policies/:version/activate": "policy.activated",
  "POST /api/v1/policies/proposals/:proposalId/accept": "rule_proposal.accepted",
  "POST /api/v1/policies/proposals/:proposalId/dismiss": "rule_proposal.dismissed",
  "POST /api/v1/context/documents": "document.created",
  "PATCH /api/v1/context/documents/:documentId": "document.updated",
  "POST /api/v1/worker-requests/:requestId/answer": "request.answered",
  "POST /api/v1/worker-requests/bulk-answer": "request.answered",
  "POST /api/v1/worker-requests/:requestId/delegate": "request.delegated",
  "POST /api/v1/precedents/:precedentId/revoke": "precedent.revoked",
};

/** Routes of accounts that leave an entry; they need accounts, so they have a test of their own. */
export const auditedAccountRoutes: Readonly<Record<string, AuditAction>> = {
  "POST /api/v1/auth/set-up": "user.registered",
  "POST /api/v1/auth/register": "user.registered",
  "POST /api/v1/auth/login": "user.logged_in",
  "POST /api/v1/auth/logout": "user.logged_out",
  "POST /api/v1/auth/logout-everywhere": "user.logged_out",
  "POST /api/v1/auth/change-password": "password.changed",
  "POST /api/v1/auth/forgot-password": "password.reset_requested",
  "POST /api/v1/auth/reset-password": "password.reset",
  "POST /api/v1/auth/verify-email": "email.verified",
  "DELETE /api/v1/sessions/:sessionId": "session.revoked",
  "PATCH /api/v1/users/me": "user.updated",
  "POST /api/v1/users/invitations": "user.invited",
  "PATCH /api/v1/users/:userId": "user.role_changed",
  "POST /api/v1/users/:userId/links": "password.reset_link_issued",
};

const timeline = "the task keeps who made it, and its timeline tells what became of it";
const chatter = "a process reports about itself; the events tell it";
const talk = "the conversation itself keeps who said it";
const harmless = "it changes nothing";

/** Routes that leave none, with the reason. */
export const unauditedRoutes: Readonly<Record<string, string>> = {
  "POST /api/v1/tasks": timeline,
  "POST /api/v1/queue/enqueue": timeline,
  "POST /api/v1/queue/enqueue-batch": timeline,
  "POST /api/v1/queue/claim": chatter,
  "POST /api/v1/workers": chatter,
  "POST /api/v1/workers/:workerId/heartbeat": chatter,
  "POST /api/v1/controllers": chatter,
  "POST /api/v1/controllers/:controllerId/heartbeat": chatter,
  "POST /api/v1/worker-requests/claim": chatter,
  "POST /api/v1/worker-requests/:requestId/renew": chatter,
  "POST /api/v1/worker-requests/:requestId/automated-answer":
    "the request keeps which controller answered it, and why",
  "POST /api/v1/worker-requests/:requestId/hand-over":
    "the request keeps which controller handed it over, and why",
  "POST /api/v1/worker-requests/:requestId/propose-document":
    "a proposal counts for nothing before a person takes it",
  "POST /api/v1/auth/refresh": "the session keeps where it was last used; a token used twice is noted",
  "POST /api/v1/auth/confirm-password": "it changes nothing but for how long; a wrong password is noted",
  "POST /api/v1/notice-channels/:channelId/test": harmless,
  "POST /api/v1/policies/simulate": harmless,
  "POST /api/v1/chat/conversations": talk,
  "POST /api/v1/chat/conversations/:conversationId/messages": talk,
  "PATCH /api/v1/chat/messages/:messageId": "one's own, and only before the agent has it",
  "POST /api/v1/chat/messages/:messageId/withdraw": "one's own, and only before the agent has it",
  "POST /api/v1/chat/conversations/:conversationId/attachments": talk,
  "DELETE /api/v1/chat/attachments/:attachmentId": "one's own upload, and only before it is sent",
};

export const routeOf = ({ method, path }: EndpointShape): string => `${method} ${path}`;

/** Every route that changes something and that a person or a key may call: all but reading, and what an attempt does with its own token. */
export const changingRoutes: readonly string[] = Object.values(endpoints)
  .flatMap((members) => Object.values<EndpointShape>(members))
  .filter(({ method, permission }) => method !== "GET" && permission !== "attempt:write")
  .map(routeOf);
