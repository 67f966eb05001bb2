import { type EndpointShape, endpoints, type Permission } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { attemptPermissions, userPermissions } from "../actor.ts";
import { buildTestApp, type TestApp } from "../testing/build-test-app.ts";
import { sendExample } from "../testing/send-example.ts";

// Who may do what, route by route, written down beside the code: a route that is new, or that has another permission than yesterday, has to
// be entered here by somebody who means it.

/** `P` a person, `W` the key of a worker, `C` that of a controller, `A` the token of an attempt; `open` takes anybody. */
const table: readonly [route: string, permission: Permission, who: string][] = [
  ["GET /health", "public", "open"],
  ["GET /health/live", "public", "open"],
  ["GET /health/ready", "public", "open"],
  ["GET /about", "public", "open"],
  ["GET /metrics", "system:read", "P"],
  ["GET /api/v1/events", "events:read", "P"],
  ["GET /api/v1/events/stream", "events:read", "P"],
  ["GET /api/v1/stats", "system:read", "P"],
  ["GET /api/v1/stats/series", "system:read", "P"],
  ["GET /api/v1/stats/waiting", "system:read", "P"],
  ["POST /api/v1/api-keys", "system:admin", "P"],
  ["GET /api/v1/api-keys", "system:admin", "P"],
  ["POST /api/v1/api-keys/:apiKeyId/rotate", "system:admin", "P"],
  ["DELETE /api/v1/api-keys/:apiKeyId", "system:admin", "P"],
  ["POST /api/v1/local-links", "system:admin", "P"],
  ["GET /local/open", "public", "open"],
  ["POST /api/v1/repositories", "repositories:write", "P"],
  ["GET /api/v1/repositories", "repositories:read", "P"],
  ["GET /api/v1/repositories/:repositoryId", "repositories:read", "P"],
  ["PATCH /api/v1/repositories/:repositoryId", "repositories:write", "P"],
  ["DELETE /api/v1/repositories/:repositoryId", "repositories:write", "P"],
  ["POST /api/v1/credentials", "credentials:manage", "P"],
  ["GET /api/v1/credentials", "credentials:manage", "P"],
  ["PATCH /api/v1/credentials/:credentialId", "credentials:manage", "P"],
  ["DELETE /api/v1/credentials/:credentialId", "credentials:manage", "P"],
  ["GET /api/v1/work-orders/:workOrderId/credentials", "attempt:write", "A"],
  ["GET /api/v1/repositories/:repositoryId/secrets", "credentials:manage", "P"],
  ["PUT /api/v1/repositories/:repositoryId/secrets/:name", "credentials:manage", "P"],
  ["DELETE /api/v1/repositories/:repositoryId/secrets/:name", "credentials:manage", "P"],
  ["GET /api/v1/secrets", "system:admin", "P"],
  ["POST /api/v1/secrets/rotate", "system:admin", "P"],
  ["POST /api/v1/tasks", "tasks:write", "P"],
  ["POST /api/v1/tasks/for-attempt", "attempt:write", "A"],
  ["GET /api/v1/tasks", "tasks:read", "P"],
  ["GET /api/v1/tasks/:taskId", "tasks:read", "P"],
  ["PATCH /api/v1/tasks/:taskId", "tasks:write", "P"],
  ["DELETE /api/v1/tasks/:taskId", "tasks:write", "P"],
  ["POST /api/v1/tasks/:taskId/cancel", "tasks:write", "P"],
  ["POST /api/v1/tasks/:taskId/retry", "tasks:write", "P"],
  ["POST /api/v1/tasks/:taskId/review", "tasks:review", "P"],
  ["GET /api/v1/tasks/:taskId/diff", "tasks:read", "P"],
  ["GET /api/v1/tasks/:taskId/timeline", "tasks:read", "P"],
  ["GET /api/v1/tasks/:taskId/dependencies", "tasks:read", "P"],
  ["POST /api/v1/tasks/:taskId/dependencies", "tasks:write", "P"],
  ["DELETE /api/v1/tasks/:taskId/dependencies/:dependsOnTaskId", "tasks:write", "P"],
  ["POST /api/v1/workers", "worker:register", "PW"],
  ["GET /api/v1/workers", "workers:read", "P"],
  ["GET /api/v1/workers/:workerId", "workers:read", "P"],
  ["POST /api/v1/workers/:workerId/heartbeat", "worker:work", "PW"],
  ["GET /api/v1/workers/:workerId/commands", "worker:work", "PW"],
  ["GET /api/v1/workers/:workerId/metrics", "workers:read", "P"],
  ["POST /api/v1/workers/:workerId/drain", "workers:admin", "P"],
  ["DELETE /api/v1/workers/:workerId", "worker:register", "PW"],
  ["POST /api/v1/queue/enqueue", "queue:write", "P"],
  ["POST /api/v1/queue/enqueue-batch", "queue:write", "P"],
  ["GET /api/v1/queue/status", "queue:read", "P"],
  ["GET /api/v1/queue/orders", "queue:read", "P"],
  ["POST /api/v1/queue/requeue", "queue:write", "P"],
  ["POST /api/v1/queue/claim", "worker:work", "PW"],
  ["POST /api/v1/queue/complete", "attempt:write", "A"],
  ["POST /api/v1/queue/fail", "attempt:write", "A"],
  ["POST /api/v1/queue/release", "attempt:write", "A"],
  ["POST /api/v1/queue/park", "attempt:write", "A"],
  ["POST /api/v1/queue/resume", "queue:write", "P"],
  ["GET /api/v1/executions", "executions:read", "PA"],
  ["GET /api/v1/executions/:executionId", "executions:read", "PA"],
  ["GET /api/v1/executions/:executionId/logs", "executions:read", "PA"],
  ["POST /api/v1/executions/:executionId/logs", "attempt:write", "A"],
  ["POST /api/v1/executions/:executionId/progress", "attempt:write", "A"],
  ["GET /api/v1/executions/:executionId/artifacts", "executions:read", "PA"],
  ["PUT /api/v1/executions/:executionId/artifacts", "attempt:write", "A"],
  ["GET /api/v1/artifacts/:artifactId/content", "executions:read", "PA"],
  ["POST /api/v1/executions/:executionId/checkpoints", "attempt:write", "A"],
  ["POST /api/v1/controllers", "controller:register", "PC"],
  ["POST /api/v1/controllers/:controllerId/heartbeat", "controller:work", "PC"],
  ["POST /api/v1/controllers/:controllerId/deregister", "controller:work", "PC"],
  ["GET /api/v1/controllers", "workers:read", "P"],
  ["GET /api/v1/inbox", "requests:read", "P"],
  ["POST /api/v1/notice-channels", "notices:write", "P"],
  ["GET /api/v1/notice-channels", "notices:write", "P"],
  ["PATCH /api/v1/notice-channels/:channelId", "notices:write", "P"],
  ["DELETE /api/v1/notice-channels/:channelId", "notices:write", "P"],
  ["POST /api/v1/notice-channels/:channelId/test", "notices:write", "P"],
  ["GET /api/v1/notices", "notices:write", "P"],
  ["GET /api/v1/policies", "policies:read", "P"],
  ["GET /api/v1/policies/active", "policies:read", "P"],
  ["GET /api/v1/policies/:version", "policies:read", "P"],
  ["GET /api/v1/policies/:version/diff", "policies:read", "P"],
  ["POST /api/v1/policies", "policies:write", "P"],
  ["POST /api/v1/policies/:version/activate", "policies:write", "P"],
  ["GET /api/v1/policies/proposals", "policies:read", "P"],
  ["GET /api/v1/policies/proposals/:proposalId", "policies:read", "P"],
  ["POST /api/v1/policies/proposals/:proposalId/accept", "policies:write", "P"],
  ["POST /api/v1/policies/proposals/:proposalId/dismiss", "policies:write", "P"],
  ["POST /api/v1/policies/simulate", "policies:read", "P"],
  ["POST /api/v1/context/documents", "context:write", "P"],
  ["GET /api/v1/context/documents", "context:read", "PC"],
  ["GET /api/v1/context/documents/:documentId", "context:read", "PC"],
  ["PATCH /api/v1/context/documents/:documentId", "context:write", "P"],
  ["GET /api/v1/context/documents/:documentId/versions", "context:read", "PC"],
  ["GET /api/v1/context/documents/:documentId/diff", "context:read", "PC"],
  ["GET /api/v1/context/tags", "context:read", "PC"],
  ["GET /api/v1/context/match", "context:read", "PC"],
  ["POST /api/v1/context/for-attempt", "attempt:write", "A"],
  ["POST /api/v1/context/for-attempt/document", "attempt:write", "A"],
  ["POST /api/v1/chat/conversations", "chat:write", "P"],
  ["GET /api/v1/chat/conversations", "chat:read", "P"],
  ["GET /api/v1/chat/conversations/:conversationId", "chat:read", "P"],
  ["GET /api/v1/chat/conversations/:conversationId/messages", "chat:read", "P"],
  ["POST /api/v1/chat/conversations/:conversationId/messages", "chat:write", "P"],
  ["PATCH /api/v1/chat/messages/:messageId", "chat:write", "P"],
  ["POST /api/v1/chat/messages/:messageId/withdraw", "chat:write", "P"],
  ["POST /api/v1/chat/conversations/:conversationId/attachments", "chat:write", "P"],
  ["GET /api/v1/chat/attachments/:attachmentId/content", "chat:read", "P"],
  ["DELETE /api/v1/chat/attachments/:attachmentId", "chat:write", "P"],
  ["POST /api/v1/chat/agent-messages/take", "attempt:write", "A"],
  ["POST /api/v1/chat/agent-messages", "attempt:write", "A"],
  ["POST /api/v1/worker-requests", "attempt:write", "A"],
  ["GET /api/v1/worker-requests/:requestId/wait", "attempt:write", "A"],
  ["POST /api/v1/worker-requests/:requestId/spend", "attempt:write", "A"],
  ["POST /api/v1/worker-requests/:requestId/withdraw", "attempt:write", "A"],
  ["GET /api/v1/worker-requests", "requests:read", "P"],
  ["GET /api/v1/worker-requests/:requestId", "requests:read", "P"],
  ["POST /api/v1/worker-requests/:requestId/answer", "requests:answer", "P"],
  ["POST /api/v1/worker-requests/bulk-answer", "requests:answer", "P"],
  ["POST /api/v1/worker-requests/:requestId/delegate", "requests:answer", "P"],
  ["POST /api/v1/worker-requests/claim", "controller:work", "PC"],
  ["POST /api/v1/worker-requests/:requestId/renew", "controller:work", "PC"],
  ["POST /api/v1/worker-requests/:requestId/automated-answer", "controller:work", "PC"],
  ["POST /api/v1/worker-requests/:requestId/hand-over", "controller:work", "PC"],
  ["POST /api/v1/worker-requests/:requestId/propose-document", "controller:work", "PC"],
  ["GET /api/v1/precedents", "requests:read", "P"],
  ["GET /api/v1/worker-requests/:requestId/precedents", "controller:work", "PC"],
  ["POST /api/v1/precedents/:precedentId/revoke", "requests:answer", "P"],
];

const all = Object.values(endpoints).flatMap((members) => Object.values<EndpointShape>(members));
const nameOf = ({ method, path }: EndpointShape): string => `${method} ${path}`;
const endpointOf = new Map(all.map((endpoint) => [nameOf(endpoint), endpoint]));

let app: TestApp;
const tokens: Record<string, string> = {};
const newKey = async (body: object) =>
  (
    await app.request<{ secret: string; apiKey: { id: string } }>(
      "POST",
      endpoints.system.createApiKey.path,
      {
        body: { name: "k", ...body },
      },
    )
  ).body;

beforeAll(async () => {
  app = await buildTestApp();
  const revoked = await newKey({ permissions: ["system:admin"] });
  await app.request("DELETE", `${endpoints.system.listApiKeys.path}/${revoked.apiKey.id}`);
  const expired = await newKey({ permissions: ["system:admin"], expiresAt: "2020-01-01T00:00:00Z" });
  const controller = await newKey({
    permissions: ["controller:register", "controller:work", "context:read"],
  });
  Object.assign(tokens, {
    W: app.workerKey,
    C: controller.secret,
    A: app.auth.issueAttemptToken(newId(), 1),
    revoked: revoked.secret,
    expired: expired.secret,
    invented: `avk_${"x".repeat(43)}`,
  });
});
afterAll(() => app.close());

async function send(endpoint: EndpointShape, token: string | null) {
  const { status, body } = await sendExample(app, endpoint, token);
  return [status, body?.error?.code];
}

test("every route stands in the table, with the permission that it declares, and nothing else does", () => {
  expect(table.map(([route]) => route).toSorted()).toEqual([...endpointOf.keys()].toSorted());
  for (const [route, permission] of table)
    expect([route, endpointOf.get(route)?.permission]).toEqual([route, permission]);
});

test("each kind of caller holds the permissions of just the routes that the table gives it", async () => {
  const holder = async (token: string | undefined) =>
    (await app.auth.authenticate({ authorization: `Bearer ${token}` })).permissions;
  const held: Record<string, readonly Permission[]> = {
    P: userPermissions,
    W: await holder(tokens.W),
    C: await holder(tokens.C),
    A: attemptPermissions,
  };
  for (const [route, permission, who] of table.filter(([, , callers]) => callers !== "open")) {
    const may = Object.keys(held).filter((caller) => held[caller]?.includes(permission));
    expect([route, may.join("")]).toEqual([route, who]);
  }
});

describe.each(table.filter(([, , who]) => who !== "open"))("%s", (route, _permission, who) => {
  const endpoint = () => {
    const found = endpointOf.get(route);
    if (found === undefined) throw new Error(`there is no ${route}`);
    return found;
  };

  test("is refused to whoever has no token, and to tokens that are revoked, expired or made up", async () => {
    expect(await send(endpoint(), null)).toEqual([401, "auth.required"]);
    for (const dead of ["revoked", "expired", "invented"])
      expect([dead, ...(await send(endpoint(), tokens[dead] ?? ""))]).toEqual([dead, 401, "auth.invalid"]);
  });

  test("is refused to every kind of caller that the table does not name", async () => {
    const others = ["W", "C", "A"].filter((caller) => !who.includes(caller));
    for (const caller of others)
      expect([caller, ...(await send(endpoint(), tokens[caller] ?? ""))]).toEqual([
        caller,
        403,
        "auth.forbidden",
      ]);
    // Who writes for an attempt has that attempt's token, whoever made the task.
    if (!who.includes("P")) expect(await send(endpoint(), app.token)).toEqual([403, "auth.forbidden"]);
  });
});
