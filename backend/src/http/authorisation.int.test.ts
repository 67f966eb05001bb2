import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type EndpointShape, endpoints, type Permission } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { attemptPermissions, userPermissions } from "../actor.ts";
import { type AccountFixture, buildAccountFixture } from "../testing/account-fixture.ts";
import type { TestApp } from "../testing/build-test-app.ts";
import { sendExample } from "../testing/send-example.ts";

// Who may do what, route by route, written down beside the code: a route that is new, or that has another permission than yesterday, has to
// be entered here by somebody who means it.

/**
 * `V` a viewer, `D` a developer, `P` an administrator (and the only user of local mode), `W` the key of a worker, `C` that of a controller,
 * `A` the token of an attempt; `open` takes anybody. Whose things of a kind one may change is told by the tests of that kind.
 */
const table: readonly [route: string, permission: Permission, who: string][] = [
  ["GET /health", "public", "open"],
  ["GET /health/live", "public", "open"],
  ["GET /health/ready", "public", "open"],
  ["GET /about", "public", "open"],
  ["GET /metrics", "system:read", "VDP"],
  ["GET /api/v1/events", "events:read", "VDP"],
  ["GET /api/v1/events/stream", "events:read", "VDP"],
  ["GET /api/v1/stats", "system:read", "VDP"],
  ["GET /api/v1/stats/series", "system:read", "VDP"],
  ["GET /api/v1/stats/waiting", "system:read", "VDP"],
  ["POST /api/v1/api-keys", "keys:write", "VDP"],
  ["GET /api/v1/api-keys", "keys:write", "VDP"],
  ["POST /api/v1/api-keys/:apiKeyId/rotate", "keys:write", "VDP"],
  ["DELETE /api/v1/api-keys/:apiKeyId", "keys:write", "VDP"],
  ["POST /api/v1/local-links", "system:admin", "P"],
  ["GET /local/open", "public", "open"],
  ["POST /api/v1/auth/set-up", "public", "open"],
  ["POST /api/v1/auth/register", "public", "open"],
  ["POST /api/v1/auth/login", "public", "open"],
  ["POST /api/v1/auth/refresh", "public", "open"],
  ["POST /api/v1/auth/logout", "public", "open"],
  ["POST /api/v1/auth/forgot-password", "public", "open"],
  ["POST /api/v1/auth/reset-password", "public", "open"],
  ["POST /api/v1/auth/verify-email", "public", "open"],
  ["POST /api/v1/auth/logout-everywhere", "account:own", "VDP"],
  ["POST /api/v1/auth/confirm-password", "account:own", "VDP"],
  ["POST /api/v1/auth/change-password", "account:own", "VDP"],
  ["GET /api/v1/sessions", "account:own", "VDP"],
  ["DELETE /api/v1/sessions/:sessionId", "account:own", "VDP"],
  ["GET /api/v1/users/me", "account:own", "VDP"],
  ["PATCH /api/v1/users/me", "account:own", "VDP"],
  ["GET /api/v1/users", "users:admin", "P"],
  ["POST /api/v1/users/invitations", "users:admin", "P"],
  ["GET /api/v1/users/:userId", "users:admin", "P"],
  ["PATCH /api/v1/users/:userId", "users:admin", "P"],
  ["POST /api/v1/users/:userId/links", "users:admin", "P"],
  ["POST /api/v1/repositories", "repositories:write", "DP"],
  ["GET /api/v1/repositories", "repositories:read", "VDP"],
  ["GET /api/v1/repositories/:repositoryId", "repositories:read", "VDP"],
  ["PATCH /api/v1/repositories/:repositoryId", "repositories:write", "DP"],
  ["DELETE /api/v1/repositories/:repositoryId", "credentials:manage", "P"],
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
  ["POST /api/v1/tasks", "tasks:write", "DP"],
  ["POST /api/v1/tasks/for-attempt", "attempt:write", "A"],
  ["GET /api/v1/tasks", "tasks:read", "VDP"],
  ["GET /api/v1/tasks/:taskId", "tasks:read", "VDP"],
  ["PATCH /api/v1/tasks/:taskId", "tasks:write", "DP"],
  ["DELETE /api/v1/tasks/:taskId", "tasks:write", "DP"],
  ["POST /api/v1/tasks/:taskId/cancel", "tasks:write", "DP"],
  ["POST /api/v1/tasks/:taskId/retry", "tasks:write", "DP"],
  ["POST /api/v1/tasks/:taskId/review", "tasks:review", "DP"],
  ["GET /api/v1/tasks/:taskId/diff", "tasks:read", "VDP"],
  ["GET /api/v1/tasks/:taskId/timeline", "tasks:read", "VDP"],
  ["GET /api/v1/tasks/:taskId/dependencies", "tasks:read", "VDP"],
  ["POST /api/v1/tasks/:taskId/dependencies", "tasks:write", "DP"],
  ["DELETE /api/v1/tasks/:taskId/dependencies/:dependsOnTaskId", "tasks:write", "DP"],
  ["POST /api/v1/workers", "worker:register", "PW"],
  ["GET /api/v1/workers", "workers:read", "VDP"],
  ["GET /api/v1/workers/:workerId", "workers:read", "VDP"],
  ["POST /api/v1/workers/:workerId/heartbeat", "worker:work", "PW"],
  ["GET /api/v1/workers/:workerId/commands", "worker:work", "PW"],
  ["GET /api/v1/workers/:workerId/metrics", "workers:read", "VDP"],
  ["POST /api/v1/workers/:workerId/drain", "workers:admin", "P"],
  ["DELETE /api/v1/workers/:workerId", "worker:register", "PW"],
  ["POST /api/v1/queue/enqueue", "queue:write", "DP"],
  ["POST /api/v1/queue/enqueue-batch", "queue:write", "DP"],
  ["GET /api/v1/queue/status", "queue:read", "VDP"],
  ["GET /api/v1/queue/orders", "queue:read", "VDP"],
  ["POST /api/v1/queue/requeue", "queue:write", "DP"],
  ["POST /api/v1/queue/claim", "worker:work", "PW"],
  ["POST /api/v1/queue/complete", "attempt:write", "A"],
  ["POST /api/v1/queue/fail", "attempt:write", "A"],
  ["POST /api/v1/queue/release", "attempt:write", "A"],
  ["POST /api/v1/queue/park", "attempt:write", "A"],
  ["POST /api/v1/queue/resume", "queue:write", "DP"],
  ["GET /api/v1/executions", "executions:read", "VDPA"],
  ["GET /api/v1/executions/:executionId", "executions:read", "VDPA"],
  ["GET /api/v1/executions/:executionId/logs", "executions:read", "VDPA"],
  ["POST /api/v1/executions/:executionId/logs", "attempt:write", "A"],
  ["POST /api/v1/executions/:executionId/progress", "attempt:write", "A"],
  ["GET /api/v1/executions/:executionId/artifacts", "executions:read", "VDPA"],
  ["PUT /api/v1/executions/:executionId/artifacts", "attempt:write", "A"],
  ["GET /api/v1/artifacts/:artifactId/content", "executions:read", "VDPA"],
  ["POST /api/v1/executions/:executionId/checkpoints", "attempt:write", "A"],
  ["POST /api/v1/controllers", "controller:register", "PC"],
  ["POST /api/v1/controllers/:controllerId/heartbeat", "controller:work", "PC"],
  ["POST /api/v1/controllers/:controllerId/deregister", "controller:work", "PC"],
  ["GET /api/v1/controllers", "workers:read", "VDP"],
  ["GET /api/v1/inbox", "requests:read", "VDP"],
  ["POST /api/v1/notice-channels", "notices:write", "VDP"],
  ["GET /api/v1/notice-channels", "notices:write", "VDP"],
  ["PATCH /api/v1/notice-channels/:channelId", "notices:write", "VDP"],
  ["DELETE /api/v1/notice-channels/:channelId", "notices:write", "VDP"],
  ["POST /api/v1/notice-channels/:channelId/test", "notices:write", "VDP"],
  ["GET /api/v1/notices", "notices:write", "VDP"],
  ["GET /api/v1/policies", "policies:read", "VDP"],
  ["GET /api/v1/policies/active", "policies:read", "VDP"],
  ["GET /api/v1/policies/:version", "policies:read", "VDP"],
  ["GET /api/v1/policies/:version/diff", "policies:read", "VDP"],
  ["POST /api/v1/policies", "policies:write", "P"],
  ["POST /api/v1/policies/:version/activate", "policies:write", "P"],
  ["GET /api/v1/policies/proposals", "policies:read", "VDP"],
  ["GET /api/v1/policies/proposals/:proposalId", "policies:read", "VDP"],
  ["POST /api/v1/policies/proposals/:proposalId/accept", "policies:write", "P"],
  ["POST /api/v1/policies/proposals/:proposalId/dismiss", "policies:write", "P"],
  ["POST /api/v1/policies/simulate", "policies:read", "VDP"],
  ["POST /api/v1/context/documents", "context:write", "DP"],
  ["GET /api/v1/context/documents", "context:read", "VDPC"],
  ["GET /api/v1/context/documents/:documentId", "context:read", "VDPC"],
  ["PATCH /api/v1/context/documents/:documentId", "context:write", "DP"],
  ["GET /api/v1/context/documents/:documentId/versions", "context:read", "VDPC"],
  ["GET /api/v1/context/documents/:documentId/diff", "context:read", "VDPC"],
  ["GET /api/v1/context/tags", "context:read", "VDPC"],
  ["GET /api/v1/context/match", "context:read", "VDPC"],
  ["POST /api/v1/context/for-attempt", "attempt:write", "A"],
  ["POST /api/v1/context/for-attempt/document", "attempt:write", "A"],
  ["POST /api/v1/chat/conversations", "chat:write", "DP"],
  ["GET /api/v1/chat/conversations", "chat:read", "VDP"],
  ["GET /api/v1/chat/conversations/:conversationId", "chat:read", "VDP"],
  ["GET /api/v1/chat/conversations/:conversationId/messages", "chat:read", "VDP"],
  ["POST /api/v1/chat/conversations/:conversationId/messages", "chat:write", "DP"],
  ["PATCH /api/v1/chat/messages/:messageId", "chat:write", "DP"],
  ["POST /api/v1/chat/messages/:messageId/withdraw", "chat:write", "DP"],
  ["POST /api/v1/chat/conversations/:conversationId/attachments", "chat:write", "DP"],
  ["GET /api/v1/chat/attachments/:attachmentId/content", "chat:read", "VDP"],
  ["DELETE /api/v1/chat/attachments/:attachmentId", "chat:write", "DP"],
  ["POST /api/v1/chat/agent-messages/take", "attempt:write", "A"],
  ["POST /api/v1/chat/agent-messages", "attempt:write", "A"],
  ["POST /api/v1/worker-requests", "attempt:write", "A"],
  ["GET /api/v1/worker-requests/:requestId/wait", "attempt:write", "A"],
  ["POST /api/v1/worker-requests/:requestId/spend", "attempt:write", "A"],
  ["POST /api/v1/worker-requests/:requestId/withdraw", "attempt:write", "A"],
  ["GET /api/v1/worker-requests", "requests:read", "VDP"],
  ["GET /api/v1/worker-requests/:requestId", "requests:read", "VDP"],
  ["POST /api/v1/worker-requests/:requestId/answer", "requests:answer", "DP"],
  ["POST /api/v1/worker-requests/bulk-answer", "requests:answer", "DP"],
  ["POST /api/v1/worker-requests/:requestId/delegate", "requests:answer", "DP"],
  ["POST /api/v1/worker-requests/claim", "controller:work", "PC"],
  ["POST /api/v1/worker-requests/:requestId/renew", "controller:work", "PC"],
  ["POST /api/v1/worker-requests/:requestId/automated-answer", "controller:work", "PC"],
  ["POST /api/v1/worker-requests/:requestId/hand-over", "controller:work", "PC"],
  ["POST /api/v1/worker-requests/:requestId/propose-document", "controller:work", "PC"],
  ["GET /api/v1/precedents", "requests:read", "VDP"],
  ["GET /api/v1/worker-requests/:requestId/precedents", "controller:work", "PC"],
  ["POST /api/v1/precedents/:precedentId/revoke", "requests:answer", "DP"],
  ["GET /api/v1/audit-log", "audit:read", "P"],
  ["GET /api/v1/audit-log/export", "audit:read", "P"],
  ["GET /api/v1/audit-log/verification", "audit:read", "P"],
];

const all = Object.values(endpoints).flatMap((members) => Object.values<EndpointShape>(members));
const nameOf = ({ method, path }: EndpointShape): string => `${method} ${path}`;
const endpointOf = new Map(all.map((endpoint) => [nameOf(endpoint), endpoint]));

/** What the server answers besides the endpoints, and why nobody needs a permission for it, or what else guards it. */
const besides: readonly [route: string, reason: string][] = [
  ["GET /", "leads to /docs"],
  ["GET /openapi.json", "describes the endpoints; the same text lies in the repository"],
  ["GET /docs", "the same for people"],
  ["GET /docs/start.js", "part of that page"],
  ["GET /docs/:file", "part of that page, of a fixed list of files"],
];

/** The board of the background queues: every method of it has a guard of its own, for `system:admin`. */
const boardPaths = ["/admin/queues", "/admin/queues/*"];

/** Every route that Fastify was told of, however that came about. */
const registered = new Set<string>();
const watchRoutes = (message: unknown): void => {
  (message as { fastify: FastifyInstance }).fastify.addHook("onRoute", ({ method, url }) => {
    for (const one of [method].flat()) registered.add(`${one} ${url}`);
  });
};

let fixture: AccountFixture;
let app: TestApp;
const tokens: Record<string, string> = {};
const newKey = async (body: object) =>
  (
    await app.request<{ secret: string; apiKey: { id: string } }>(
      "POST",
      endpoints.system.createApiKey.path,
      { token: fixture.admin.token, body: { name: "k", ...body } },
    )
  ).body;

beforeAll(async () => {
  subscribe("fastify.initialization", watchRoutes);
  fixture = await buildAccountFixture();
  unsubscribe("fastify.initialization", watchRoutes);
  ({ app } = fixture);
  const { admin } = fixture;
  const revoked = await newKey({ permissions: ["system:admin"] });
  await app.request("DELETE", `${endpoints.system.listApiKeys.path}/${revoked.apiKey.id}`, {
    token: admin.token,
  });
  const expired = await newKey({ permissions: ["system:admin"], expiresAt: "2020-01-01T00:00:00Z" });
  const controller = await newKey({
    permissions: ["controller:register", "controller:work", "context:read"],
  });
  const [viewer, developer, disabled, gone] = [
    await fixture.newPerson("viewer"),
    await fixture.newPerson("developer"),
    await fixture.newPerson("admin"),
    await fixture.newPerson("admin"),
  ];
  await app.request("PATCH", `/api/v1/users/${disabled.id}`, {
    token: admin.token,
    body: { isActive: false },
  });
  await fixture.auth("logout", { refreshToken: gone.refreshToken });
  Object.assign(tokens, {
    V: viewer.token,
    D: developer.token,
    P: admin.token,
    W: app.workerKey,
    C: controller.secret,
    A: app.auth.issueAttemptToken(newId(), 1),
    revoked: revoked.secret,
    expired: expired.secret,
    "of a disabled user": disabled.token,
    "of a session that ended": gone.token,
    "for refreshing": viewer.refreshToken,
    invented: `avk_${"x".repeat(43)}`,
  });
});
afterAll(() => fixture.close());

async function send(endpoint: EndpointShape, token: string | null) {
  const { status, body } = await sendExample(app, endpoint, token);
  return [status, body?.error?.code];
}

test("every route stands in the table, with the permission that it declares, and nothing else does", () => {
  expect(table.map(([route]) => route).toSorted()).toEqual([...endpointOf.keys()].toSorted());
  for (const [route, permission] of table)
    expect([route, endpointOf.get(route)?.permission]).toEqual([route, permission]);
});

test("the server answers no route that stands neither in the table nor in the list of what is besides", () => {
  const known = [...table, ...besides].map(([route]) => route);
  const isBoard = (route: string) => boardPaths.includes(route.slice(route.indexOf(" ") + 1));
  expect([...registered].filter((route) => !isBoard(route)).toSorted()).toEqual(known.toSorted());
  expect([...registered].filter(isBoard)).not.toHaveLength(0);
});

test("the board of the queues is an administrator's alone", async () => {
  for (const route of [...registered].filter((one) => one.includes("/admin/queues"))) {
    const [method = "", url = ""] = route.split(" ");
    // What has no body to read, what fetch can't send, and the question before a request of another origin, reach no handler of the board.
    if (["HEAD", "TRACE", "QUERY", "OPTIONS"].includes(method)) continue;
    const statuses = [];
    for (const token of [null, tokens.V, tokens.D, tokens.W, tokens.C, tokens.A])
      statuses.push((await app.request(method, url.replace("*", "x"), { token: token ?? null })).status);
    expect([route, ...statuses]).toEqual([route, 401, 403, 403, 403, 403, 403]);
  }
});

test("each kind of caller holds the permissions of just the routes that the table gives it", async () => {
  const holder = async (token: string | undefined) =>
    (await app.auth.authenticate({ authorization: `Bearer ${token}` })).permissions;
  const held: Record<string, readonly Permission[]> = {
    V: await holder(tokens.V),
    D: await holder(tokens.D),
    P: await holder(tokens.P),
    W: await holder(tokens.W),
    C: await holder(tokens.C),
    A: attemptPermissions,
  };
  expect(held.P).toEqual(userPermissions);
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

  test("is refused to whoever has no token, and to tokens that are revoked, expired, made up, or of somebody who is gone", async () => {
    expect(await send(endpoint(), null)).toEqual([401, "auth.required"]);
    const live = new Set(["V", "D", "P", "W", "C", "A"]);
    for (const dead of Object.keys(tokens).filter((name) => !live.has(name)))
      expect([dead, ...(await send(endpoint(), tokens[dead] ?? ""))]).toEqual([dead, 401, "auth.invalid"]);
  });

  test("is refused to every kind of caller that the table does not name", async () => {
    for (const caller of ["V", "D", "P", "W", "C", "A"].filter((one) => !who.includes(one)))
      expect([caller, ...(await send(endpoint(), tokens[caller] ?? ""))]).toEqual([
        caller,
        403,
        "auth.forbidden",
      ]);
    // Who writes for an attempt has that attempt's token, and no other's.
    if (who === "A") expect((await send(endpoint(), tokens.A ?? ""))[0]).toBeGreaterThanOrEqual(400);
  });
});

// Behind everything else, and last of all what counts wrong passwords of the caller and what ends its sessions.
const endsCallers = ["confirm-password", "change-password", "logout-everywhere"].map(
  (name) => `POST /api/v1/auth/${name}`,
);
const byEnd = table
  .filter(([, , who]) => who !== "open")
  .toSorted(([a], [b]) => endsCallers.indexOf(a) - endsCallers.indexOf(b));

/** What a caller is answered; a stream is left once its answer has begun. */
async function answerTo(endpoint: EndpointShape, token: string) {
  if (endpoint.path !== "/api/v1/events/stream") return await sendExample(app, endpoint, token);
  const leaving = new AbortController();
  const headers = { authorization: `Bearer ${token}` };
  const { status } = await fetch(new URL(endpoint.path, app.url), { headers, signal: leaving.signal });
  leaving.abort();
  return { status, body: undefined };
}

test.each(byEnd)("%s (%s) lets in whoever the table names: %s", async (route, _permission, who) => {
  const endpoint = endpointOf.get(route);
  if (endpoint === undefined) throw new Error(`there is no ${route}`);
  for (const caller of who) {
    const { status, body } = await answerTo(endpoint, tokens[caller] ?? "");
    // A thing that is somebody else's, or a password given too long ago, is no matter of permissions.
    const { code = "", data } = body?.error ?? {};
    const isUnknown = ["auth.required", "auth.invalid"].includes(code);
    expect({ caller, status, isUnknown, missing: data?.permission }).toEqual({
      ...{ caller, isUnknown: false, missing: undefined },
      status: expect.toSatisfy((answered: number) => answered < 500),
    });
  }
});
