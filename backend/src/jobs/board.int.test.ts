import { findRedisServer, startRedis, type TestRedis, waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildTestApp, type TestApp } from "../testing/build-test-app.ts";

const redisServer = findRedisServer("the board of a queue on Redis");
let app: TestApp;

const board = <T = string>(path = "", token: string | null = app.token, method = "GET", body?: unknown) =>
  app.request<T>(method, `/admin/queues${path}`, { token, body });

const codeOf = ({ body }: { body: unknown }) => (body as { error?: { code: string } }).error?.code;

/** Every address of the board that changes something of one queue. */
const changes = [
  ["POST", "maintenance/add"],
  ...["pause", "resume", "retry/failed", "promote", "clean/completed", "empty", "obliterate"].map(
    (path) => ["PUT", `maintenance/${path}`] as const,
  ),
  ...["concurrency", "rate-limit", "rate-limit/release"].map(
    (path) => ["PUT", `maintenance/${path}`] as const,
  ),
  ...["remove", "run"].map((path) => ["PUT", `maintenance/job-schedulers/x/${path}`] as const),
  ["PATCH", "maintenance/job-schedulers/x"],
  ...["retry", "clean", "promote", "remove-unprocessed-children"].map(
    (path) => ["PUT", `maintenance/1/${path}`] as const,
  ),
  ...["update-data", "delay", "priority"].map((path) => ["PATCH", `maintenance/1/${path}`] as const),
] as const;

/** What some of them ask for before they look at the queue. */
const change = { concurrency: 3, max: 1, duration: 1_000, every: 60_000, jobData: {}, runAt: 1, priority: 1 };

interface Queues {
  queues: { name: string; isPaused: boolean; readOnlyMode: boolean }[];
}

describe.each([
  { name: "PostgreSQL", program: "", isSkipped: false },
  { name: "Redis", program: redisServer ?? "", isSkipped: redisServer === undefined },
])("/admin/queues on $name", ({ program, isSkipped }) => {
  if (isSkipped) {
    it.skip("needs redis-server");
    return;
  }
  let redis: TestRedis | undefined;
  beforeAll(async () => {
    redis = program === "" ? undefined : await startRedis(program);
    app = await buildTestApp({ config: { runsChores: true, redisUrl: redis?.url } });
    await waitUntil(async () => (await board()).status === 200);
  });
  afterAll(async () => {
    await app.close();
    await redis?.stop();
  });

  it("shows administrators the page, its files and the queue", async () => {
    const page = await board();
    expect([page.status, page.headers.get("content-type")]).toEqual([
      200,
      expect.stringContaining("text/html"),
    ]);
    const script = /src="(static\/js\/main[^"]*)"/.exec(page.body)?.[1];
    expect((await board(`/${script}`)).status).toBe(200);
    const { body } = await board<Queues>("/api/queues");
    expect(body.queues).toMatchObject([
      { name: "maintenance", isPaused: false },
      { name: "notices", isPaused: false },
    ]);
  });

  it("asks for nothing from elsewhere, and keeps our security headers", async () => {
    const page = await board();
    expect(page.body).not.toMatch(/(href|src)="https?:/);
    const policy = page.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("base-uri 'self'");
    expect(page.headers.get("x-content-type-options")).toBe("nosniff");
    // Only here: everywhere else the policy stays strict.
    const docs = await app.request("GET", "/docs");
    expect(docs.headers.get("content-security-policy")).toContain("base-uri 'none'");
    expect(docs.headers.get("content-security-policy")).not.toContain("unsafe-inline");
  });

  it("401 without a token, 403 for a machine's key, on every address", async () => {
    for (const path of ["", "/", "/api/queues", "/static/js/main.js", "/queue/maintenance", "/../queues"]) {
      expect([(await board(path, null)).status, codeOf(await board(path, null))]).toEqual([
        401,
        "auth.required",
      ]);
      const machine = await board(path, app.workerKey);
      expect([machine.status, codeOf(machine)]).toEqual([403, "auth.forbidden"]);
    }
    expect((await board("/api/queues/maintenance/pause", app.workerKey, "PUT")).status).toBe(403);
    expect((await board<Queues>("/api/queues")).body.queues[0]?.isPaused).toBe(false);
  });

  it("changes nothing, not even for administrators: what they do here would be in no audit log", async () => {
    const shown = await board<Queues>("/api/queues");
    expect(shown.body.queues.map(({ readOnlyMode }) => readOnlyMode)).toEqual([true, true]);
    for (const [method, path] of changes) {
      const { status } = await board(`/api/queues/${path}`, app.token, method, change);
      expect({ path, status }).toEqual({ path, status: 405 });
    }
    // Those two go over all queues that may be changed: none.
    for (const path of ["pause", "resume"]) await board(`/api/queues/${path}`, app.token, "PUT");
    const { queues } = (await board<Queues>("/api/queues")).body;
    expect(queues.map(({ isPaused }) => isPaused)).toEqual([false, false]);
  });

  it("refuses changes that a page from elsewhere sends", async () => {
    const reply = await app.request("PUT", "/admin/queues/api/queues/maintenance/pause", {
      headers: { origin: "https://evil.example" },
    });
    expect([reply.status, codeOf(reply)]).toEqual([403, "request.origin_refused"]);
  });

  it("404 for what the board does not have", async () => {
    expect((await board("/api/queues/nothing/pause", app.token, "PUT")).status).toBe(404);
  });
});

describe("a backend that does no chores", () => {
  it("503 says that there is no queue to show", async () => {
    await using idle = await buildTestApp();
    const reply = await idle.request("GET", "/admin/queues");
    expect([reply.status, codeOf(reply)]).toEqual([503, "queue.unavailable"]);
  });
});
