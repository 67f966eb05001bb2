import { chmod, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ApiKey, type ErrorResponse, endpoints } from "@agentvine/contracts";
import { newId, systemClock } from "@agentvine/kit";
import { tempDir, waitUntil } from "@agentvine/testkit";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildTestApp, type TestApp } from "../../testing/build-test-app.ts";
import { prepareLocalMode } from "./index.ts";

let app: TestApp;
let offsetMs = 0;
beforeAll(async () => {
  app = await buildTestApp({
    clock: { ...systemClock, now: () => new Date(Date.now() + offsetMs) },
  });
});
afterAll(() => app.close());

const codeOf = (body: unknown) => (body as ErrorResponse).error.code;
const keysPath = endpoints.system.listApiKeys.path;
const asWhom = (headers: Record<string, string>) =>
  app.request("GET", keysPath, { token: null, headers }).then(({ status }) => status);
const modeOf = async (file: string) => (await stat(join(app.home, file))).mode & 0o777;
const newApiKey = async (body: object = {}) =>
  (
    await app.request<{ apiKey: ApiKey; secret: string }>("POST", keysPath, {
      body: { name: "ci", permissions: ["keys:write", "tasks:write"], ...body },
    })
  ).body;

describe("the local token", () => {
  test("lies in a file that only its owner can read", async () => {
    expect((await readFile(app.local.tokenFile, "utf8")).trim()).toBe(app.token);
    expect(app.token).toMatch(/^avl_[\w-]{43}$/);
    expect(await modeOf("token")).toBe(0o600);
    expect(await modeOf("worker.key")).toBe(0o600);
  });

  test.each([
    ["Bearer", 401],
    ["Basic dXNlcjpwYXNz", 401],
    ["Bearer avl_wrong", 401],
    ["Bearer avk_wrong", 401],
    ["Bearer avt_wrong", 401],
    ["Bearer a b", 401],
  ])("nothing but it lets in: %s", async (authorization, status) => {
    expect(await asWhom({ authorization })).toBe(status);
  });

  test("survives a restart, and a file that others could read is closed again", async () => {
    await chmod(app.local.tokenFile, 0o644);
    const again = await prepareLocalMode({
      db: app.database.db,
      apiKeys: app.apiKeys,
      secrets: app.secrets,
      home: app.home,
    });
    expect(again).toEqual(app.local);
    expect(await modeOf("token")).toBe(0o600);
    expect((await readFile(app.local.workerKeyFile, "utf8")).trim()).toBe(app.workerKey);
  });

  test("several backends that start at once on an empty home agree on one token and one key of each kind", async () => {
    await using place = await tempDir("agentvine-auth-");
    const home = place.path;
    const deps = { db: app.database.db, apiKeys: app.apiKeys, secrets: app.secrets, home };
    const valid = async () => (await app.apiKeys.list()).filter(({ revokedAt }) => revokedAt === null).length;
    const before = await valid();
    const all = await Promise.all(Array.from({ length: 8 }, () => prepareLocalMode(deps)));
    const [token = ""] = all.map((one) => one.token);
    expect(all.map((one) => one.token)).toEqual(all.map(() => token));
    expect((await readFile(join(home, "token"), "utf8")).trim()).toBe(token);
    const key = (await readFile(join(home, "worker.key"), "utf8")).trim();
    expect(await app.apiKeys.find(key)).toBeDefined();
    // One for workers, one for controllers.
    expect(await valid()).toBe(before + 2);
    expect((await readdir(home)).sort()).toEqual(["controller.key", "token", "worker.key"]);
  });

  test("an emptied file gets a new token", async () => {
    await using other = await buildTestApp();
    await writeFile(other.local.tokenFile, "");
    const again = await prepareLocalMode({
      db: other.database.db,
      apiKeys: other.apiKeys,
      secrets: other.secrets,
      home: other.home,
    });
    expect(again.token).not.toBe(other.token);
    expect(again.userId).toBe(other.local.userId);
    expect(again.secret).toBe(other.local.secret);
  });

  test("a home that can't be read is told, not replaced", async () => {
    const deps = { db: app.database.db, apiKeys: app.apiKeys, secrets: app.secrets };
    await expect(prepareLocalMode({ ...deps, home: app.local.tokenFile })).rejects.toThrow(/ENOTDIR/);
  });
});

describe("API keys", () => {
  test("the key is shown once; the database holds only its hash", async () => {
    const { apiKey, secret } = await newApiKey();
    expect(secret).toMatch(/^avk_[\w-]{43}$/);
    expect(apiKey.prefix).toBe(secret.slice(0, 12));
    const list = await app.request("GET", keysPath);
    expect(JSON.stringify(list.body)).not.toContain(secret);
    const { rows } = await app.database.db.execute(sql`select * from api_keys where id = ${apiKey.id}`);
    expect(JSON.stringify(rows)).not.toContain(secret.slice(12));
  });

  test("allows what it was made for and nothing else; its use is noted", async () => {
    const { apiKey, secret } = await newApiKey({ permissions: ["repositories:read"] });
    expect((await app.request("GET", "/api/v1/repositories", { token: secret })).status).toBe(200);
    const refused = await app.request("GET", keysPath, { token: secret });
    expect([refused.status, codeOf(refused.body)]).toEqual([403, "auth.forbidden"]);
    await waitUntil(async () => (await app.apiKeys.list()).find(({ id }) => id === apiKey.id)?.lastUsedAt);
  });

  test("dies at once when it is revoked, and when it expires", async () => {
    const { apiKey, secret } = await newApiKey();
    expect((await app.request("GET", keysPath, { token: secret })).status).toBe(200);
    expect((await app.request("DELETE", `${keysPath}/${apiKey.id}`)).status).toBe(204);
    expect((await app.request("GET", keysPath, { token: secret })).status).toBe(401);
    const expired = await newApiKey({ expiresAt: "2020-01-01T00:00:00Z" });
    expect((await app.request("GET", keysPath, { token: expired.secret })).status).toBe(401);
    const unknown = await app.request("DELETE", `${keysPath}/${newId()}`);
    expect([unknown.status, codeOf(unknown.body)]).toEqual([404, "api_key.not_found"]);
  });

  test("revoked at one backend, dies at another that has just used it, within a second", async () => {
    await using other = await buildTestApp({ beside: app });
    const { apiKey, secret } = await newApiKey();
    const atOther = async () => (await other.request("GET", keysPath, { token: secret })).status;
    expect(await atOther()).toBe(200);
    expect((await app.request("DELETE", `${keysPath}/${apiKey.id}`)).status).toBe(204);
    await waitUntil(async () => (await atOther()) === 401, { timeoutMs: 5_000 });
  });

  describe("that takes the place of another", () => {
    const rotate = (id: string, body: object = {}) =>
      app.request<{ apiKey: ApiKey; secret: string }>("POST", `${keysPath}/${id}/rotate`, { body });
    const status = async (token: string) => (await app.request("GET", keysPath, { token })).status;
    const worker = (token: string, name: string, instanceId: string) =>
      app.request<{ worker: { id: string } }>("POST", "/api/v1/workers", {
        token,
        body: {
          ...{ name, instanceId, version: "1", maxConcurrentTasks: 1 },
          capabilities: {
            taskTypes: ["docs"],
            labels: [],
            agents: [{ driver: "builtin", model: null, isScripted: true }],
            sandbox: { driver: "none", isConfined: false },
            toolchains: {},
          },
        },
      });

    test("may do what that one may, and both work until the overlap is over", async () => {
      const { apiKey, secret } = await newApiKey();
      const { status: code, body } = await rotate(apiKey.id, { overlapSeconds: 3_600 });
      expect(code).toBe(201);
      expect(body.apiKey).toMatchObject({
        ...{ name: apiKey.name, permissions: apiKey.permissions, expiresAt: null },
        ...{ rotatedFromId: apiKey.id, revokedAt: null },
      });
      expect(body.secret).not.toBe(secret);
      expect([await status(secret), await status(body.secret)]).toEqual([200, 200]);
      const old = (await app.apiKeys.list()).find(({ id }) => id === apiKey.id);
      const leftMs = Date.parse(old?.expiresAt ?? "") - Date.now();
      expect(leftMs).toBeGreaterThan(3_500_000);
      expect(leftMs).toBeLessThan(3_700_000);
    });

    test("is the only one at once when there is no overlap, also at another backend that has just used the old one", async () => {
      await using other = await buildTestApp({ beside: app });
      const { apiKey, secret } = await newApiKey();
      const atOther = async () => (await other.request("GET", keysPath, { token: secret })).status;
      expect(await atOther()).toBe(200);
      const { body } = await rotate(apiKey.id, { overlapSeconds: 0 });
      expect([await status(secret), await status(body.secret)]).toEqual([401, 200]);
      await waitUntil(async () => (await atOther()) === 401, { timeoutMs: 5_000 });
    });

    test("never makes that one live longer, and lives as long itself as that one was given", async () => {
      const expiresAt = new Date(Date.now() + 600_000).toISOString();
      const { apiKey } = await newApiKey({ expiresAt });
      const { body } = await rotate(apiKey.id, { overlapSeconds: 86_400 });
      expect((await app.apiKeys.list()).find(({ id }) => id === apiKey.id)?.expiresAt).toBe(expiresAt);
      const livesMs = Date.parse(body.apiKey.expiresAt ?? "") - Date.now();
      expect(livesMs).toBeGreaterThan(590_000);
      expect(livesMs).toBeLessThan(610_000);
    });

    test("owns what was registered with any key of its line, which a key of nobody's line does not", async () => {
      const permissions = ["worker:register", "worker:work"];
      const first = await newApiKey({ permissions });
      const stranger = await newApiKey({ permissions });
      const instanceId = newId();
      const made = await worker(first.secret, `line-${instanceId}`, instanceId);
      const query = `instanceId=${instanceId}&waitSeconds=0`;
      const commands = (token: string) =>
        app.request("GET", `/api/v1/workers/${made.body.worker.id}/commands?${query}`, { token });
      const second = (await rotate(first.apiKey.id)).body;
      const third = (await rotate(second.apiKey.id)).body;
      const codes: number[] = [];
      for (const { secret } of [first, second, third, stranger]) codes.push((await commands(secret)).status);
      expect(codes).toEqual([200, 200, 200, 403]);
    });

    test("is refused for one that is dead or unknown", async () => {
      const { apiKey } = await newApiKey();
      await app.request("DELETE", `${keysPath}/${apiKey.id}`);
      const dead = await rotate(apiKey.id);
      expect([dead.status, codeOf(dead.body)]).toEqual([409, "api_key.not_live"]);
      expect((await rotate(newId())).status).toBe(404);
      const long = await rotate(apiKey.id, { overlapSeconds: 2_592_001 });
      expect([long.status, (long.body as unknown as ErrorResponse).error.issues?.[0]?.path]).toEqual([
        400,
        "overlapSeconds",
      ]);
    });
  });

  test("can't be given the right to write for attempts", async () => {
    const { status, body } = await app.request("POST", keysPath, {
      body: { name: "x", permissions: ["attempt:write"] },
    });
    expect(status).toBe(400);
    expect((body as ErrorResponse).error.issues?.[0]?.path).toBe("permissions");
  });

  test("a key that was made by a key belongs to the same person", async () => {
    const { secret } = await newApiKey();
    const second = await app.request<{ secret: string }>("POST", keysPath, {
      token: secret,
      body: { name: "grandchild", permissions: ["tasks:write"] },
    });
    expect(second.status).toBe(201);
    const actor = await app.auth.authenticate({ authorization: `Bearer ${second.body.secret}` });
    expect(actor).toMatchObject({
      kind: "worker_key",
      userId: app.local.userId,
      permissions: ["tasks:write"],
    });
  });

  test("the workers of this machine may register and work, no more; a revoked key is replaced at the next start", async () => {
    const actor = await app.auth.authenticate({ authorization: `Bearer ${app.workerKey}` });
    expect(actor.permissions).toEqual(["worker:register", "worker:work"]);
    await using other = await buildTestApp();
    const keys = await other.apiKeys.list();
    await other.apiKeys.revoke(keys.find(({ name }) => name === "workers of this machine")?.id ?? "");
    await prepareLocalMode({ ...other, db: other.database.db });
    const renewed = (await readFile(other.local.workerKeyFile, "utf8")).trim();
    expect(renewed).not.toBe(other.workerKey);
    expect((await other.apiKeys.find(renewed))?.permissions).toEqual(["worker:register", "worker:work"]);
  });
});

describe("attempt tokens", () => {
  test("speak for one attempt at one work order", async () => {
    const workOrderId = newId();
    const token = app.auth.issueAttemptToken(workOrderId, 3);
    expect(app.auth.verifyAttemptToken(token)).toEqual({ workOrderId, attempt: 3 });
    const actor = await app.auth.authenticate({ authorization: `Bearer ${token}` });
    expect(actor).toMatchObject({ kind: "attempt", id: workOrderId, attempt: { workOrderId, attempt: 3 } });
    expect(actor.permissions).toEqual(["attempt:write", "executions:read"]);
    expect((await app.request("GET", "/api/v1/repositories", { token })).status).toBe(403);
  });

  test("can't be bent to another attempt or order, nor used by another installation", async () => {
    const workOrderId = newId();
    const token = app.auth.issueAttemptToken(workOrderId, 3);
    const [, mac = ""] = /\.([\w-]{43})$/.exec(token) ?? [];
    const flipped = `${token.slice(0, -2)}${token.endsWith("AA") ? "BB" : "AA"}`;
    for (const forged of [
      token.replace(".3.", ".4."),
      token.replace(workOrderId, newId()),
      flipped,
      token.slice(0, -1),
      `avt_${workOrderId}.3.`,
      `avt_${workOrderId}.0.${mac}`,
      `avt_${workOrderId}.3.${mac}.x`,
    ]) {
      expect(app.auth.verifyAttemptToken(forged), forged).toBeUndefined();
    }
    await using other = await buildTestApp();
    expect(other.auth.verifyAttemptToken(token)).toBeUndefined();
  });

  test("are the same in every backend of the installation, also after a restart", async () => {
    const again = await prepareLocalMode({ ...app, db: app.database.db });
    expect(again.secret).toBe(app.local.secret);
    expect(again.secret).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe("the link into the browser", () => {
  const newLink = async () => {
    const { body } = await app.request<{ url: string; expiresAt: string }>("POST", "/api/v1/local-links");
    return body;
  };
  const open = (url: string) => fetch(url, { redirect: "manual" });
  const cookieOf = (response: Response) => response.headers.get("set-cookie")?.split(";")[0] ?? "";

  test("works once and gives a session that scripts and other sites can't use", async () => {
    const { url } = await newLink();
    expect(url.startsWith(`${app.url}/local/open?code=`)).toBe(true);
    const opened = await open(url);
    expect(opened.status).toBe(303);
    expect(opened.headers.get("location")).toBe("/");
    expect(opened.headers.get("set-cookie")).toMatch(
      /^agentvine_session=[^;]+; Path=\/; Max-Age=604800; HttpOnly; SameSite=Strict$/,
    );
    expect(await asWhom({ cookie: `theme=dark; ${cookieOf(opened)}` })).toBe(200);
    const again = await open(url);
    expect(again.status).toBe(401);
    expect(again.headers.get("set-cookie")).toBeNull();
  });

  test("dies after ten minutes, the session after a week", async () => {
    const late = await newLink();
    const inTime = await newLink();
    const cookie = cookieOf(await open(inTime.url));
    expect(await asWhom({ cookie })).toBe(200);
    offsetMs = 601_000;
    expect((await open(late.url)).status).toBe(401);
    offsetMs = 7 * 86_400_000 + 1_000;
    expect(await asWhom({ cookie })).toBe(401);
    offsetMs = 0;
  });

  test("the session never leaves in the clear when the server is reached over TLS", async () => {
    await using behindTls = await buildTestApp({ config: { publicUrl: "https://agents.example.com" } });
    const link = new URL((await behindTls.auth.createLocalLink()).url);
    expect(link.origin).toBe("https://agents.example.com");
    const opened = await behindTls.server.inject({ url: `${link.pathname}${link.search}` });
    expect(opened.headers["set-cookie"]).toMatch(/; SameSite=Strict; Secure$/);
  });

  test("only the newest hundred links stay open", async () => {
    const oldest = await newLink();
    for (let i = 0; i < 100; i += 1) {
      await app.auth.createLocalLink();
    }
    expect((await open(oldest.url)).status).toBe(401);
  });

  test.each([
    "agentvine_session=",
    "agentvine_session=1.x.y",
    "agentvine_session=9999999999.AAAAAAAAAAAAAAAAAAAAAA.x",
    "other=1",
  ])("no other cookie lets in: %s", async (cookie) => {
    expect(await asWhom({ cookie })).toBe(401);
  });

  test("a wrong token is not saved by a good cookie", async () => {
    const cookie = cookieOf(await open((await newLink()).url));
    expect(await asWhom({ cookie, authorization: "Bearer avl_wrong" })).toBe(401);
  });
});
