import { randomBytes } from "node:crypto";
import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Writable } from "node:stream";
import type { ErrorResponse, SealRotated, SealState } from "@agentvine/contracts";
import { createLogger, newId } from "@agentvine/kit";
import { useTempDir } from "@agentvine/testkit";
import { sql } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { buildTestApp, type TestApp } from "../../testing/build-test-app.ts";
import { startReceiver } from "../../testing/notice-receivers.ts";
import { openSecrets } from "./index.ts";

const dir = useTempDir();
const aKey = () => randomBytes(32).toString("base64");
const logger = createLogger({ name: "test", level: "silent" });
const codeOf = (body: unknown) => (body as ErrorResponse).error?.code;
const state = async (app: TestApp) => (await app.request<SealState>("GET", "/api/v1/secrets")).body;
const rotate = async (app: TestApp, makesKey = false) =>
  (await app.request<SealRotated>("POST", "/api/v1/secrets/rotate", { body: { makesKey } })).body;
const open = (app: TestApp, source: { masterKey?: string; masterKeyFile?: string; home?: string }) =>
  openSecrets({
    ...{ db: app.database.db, logger },
    source: { home: app.home, masterKey: undefined, masterKeyFile: undefined, ...source },
  });
async function storeOneOfEach(app: TestApp): Promise<void> {
  await app.request("POST", "/api/v1/credentials", {
    body: { kind: "token", host: `h${newId()}.example.org`, value: "a-token-of-a-bot" },
  });
  const { body } = await app.request<{ id: string }>("POST", "/api/v1/repositories", {
    body: { url: `https://example.org/a/${newId()}` },
  });
  await app.request("PUT", `/api/v1/repositories/${body.id}/secrets/TEST_KEY`, {
    body: { value: "some value" },
  });
  await app.request("POST", "/api/v1/notice-channels", {
    body: {
      kind: "webhook",
      name: "chat",
      address: "https://chat.example.org/hooks/T0/B0/xyz",
      types: ["task.failed"],
    },
  });
}

describe("the master key", () => {
  test("is made once, readable by its owner alone, and closed again when it is not", async () => {
    await using app = await buildTestApp();
    const file = join(app.home, "master.key");
    const before = await readFile(file, "utf8");
    await chmod(file, 0o644);
    await using beside = await buildTestApp({ beside: app });
    expect(await readFile(file, "utf8")).toBe(before);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await state(beside)).toEqual(await state(app));
  });

  test("of a second backend on the database must be the same: another one is told by its id, and nothing starts", async () => {
    await using app = await buildTestApp();
    const { newestKeyId } = await state(app);
    const wrong = aKey();
    for (const source of [{ masterKey: wrong }, { home: join(dir(), "empty") }]) {
      const refusal = open(app, source);
      await expect(refusal).rejects.toMatchObject({ code: "secret.master_key_wrong" });
      await expect(refusal).rejects.toThrow(newestKeyId);
      await expect(refusal).rejects.not.toThrow(wrong);
    }
  });

  test("comes from the environment or from a file, not from both; what is no key is told without being shown", async () => {
    const key = aKey();
    await using app = await buildTestApp({ config: { masterKey: key } });
    const file = join(dir(), "keys");
    await writeFile(file, `# ours\n${key}\n`);
    expect((await (await open(app, { masterKeyFile: file })).state()).newestKeyId).toBe(
      (await state(app)).newestKeyId,
    );
    const cases = [
      { masterKey: "hunter2-hunter2" },
      { masterKey: key, masterKeyFile: file },
      { masterKeyFile: join(dir(), "none") },
    ];
    for (const source of cases) {
      await expect(open(app, source)).rejects.toMatchObject({ code: "config.invalid" });
      await expect(open(app, source)).rejects.not.toThrow(/hunter2/);
    }
    const made = await app.request("POST", "/api/v1/secrets/rotate", { body: { makesKey: true } });
    expect([made.status, codeOf(made.body)]).toEqual([409, "secret.key_not_ours"]);
  });
});

describe("rotation", () => {
  test("seals everything anew with a key that the backend makes, and only the new key is needed then", async () => {
    await using app = await buildTestApp();
    await storeOneOfEach(app);
    await app.secrets.ensureSetting("some.later.setting", () => "its secret");
    await app.database.db.execute(sql`insert into settings (key, value) values ('plain', '{"a": "avs1."}')`);
    const before = await state(app);
    expect(before.masterKeys).toEqual([{ id: before.newestKeyId, sealed: 6, isKnown: true }]);
    const after = await rotate(app, true);
    expect(after).toMatchObject({ resealed: 6, failed: 0 });
    expect(await app.secrets.ensureSetting("some.later.setting", () => "another")).toBe("its secret");
    expect(after.newestKeyId).not.toBe(before.newestKeyId);
    expect(after.masterKeys).toEqual([
      { id: after.newestKeyId, sealed: 6, isKnown: true },
      { id: before.newestKeyId, sealed: 0, isKnown: true },
    ]);
    expect(await rotate(app)).toMatchObject({ resealed: 0, failed: 0 });
    const [newest = "", older = ""] = (await readFile(join(app.home, "master.key"), "utf8"))
      .trim()
      .split("\n");
    await open(app, { masterKey: newest });
    await expect(open(app, { masterKey: older })).rejects.toMatchObject({ code: "secret.master_key_wrong" });
    // The same installation as before, in every backend.
    await using beside = await buildTestApp({ beside: app });
    expect(beside.local.secret).toBe(app.local.secret);
  });

  test("is felt by a backend beside it that read the file before", async () => {
    await using app = await buildTestApp();
    await using beside = await buildTestApp({ beside: app });
    await rotate(app, true);
    await storeOneOfEach(app);
    const { body } = await beside.request<{ items: { address: string }[] }>("GET", "/api/v1/notice-channels");
    expect(body.items).toMatchObject([{ address: "https://chat.example.org/…" }]);
  });

  test("goes on after a crash in the middle: what was done stays done, and until all is done older keys are needed to start", async () => {
    const [older, newer] = [aKey(), aKey()];
    await using app = await buildTestApp({ config: { masterKey: older } });
    await storeOneOfEach(app);
    // A row that can't be written stands for the crash: what comes before it is sealed anew, what comes after is not.
    await app.database.db.execute(
      sql.raw(`
      create function refuse() returns trigger language plpgsql as $$ begin raise exception 'crashed'; end $$;
      create trigger crash before update on notice_channels for each row execute function refuse();`),
    );
    const both = await open(app, { masterKey: `${newer},${older}` });
    await expect(both.rotate({ makesKey: false })).rejects.toThrow();
    const halfway = new Map((await both.state()).masterKeys.map(({ id, sealed }) => [id, sealed]));
    expect([...halfway.values()].sort()).toEqual([2, 3]);
    await expect(open(app, { masterKey: newer })).rejects.toMatchObject({ code: "secret.master_key_wrong" });
    await app.database.db.execute(sql.raw("drop trigger crash on notice_channels"));
    expect(await both.rotate({ makesKey: false })).toMatchObject({ resealed: 3, failed: 0 });
    await open(app, { masterKey: newer });
  });

  test("leaves alone what it can't open, counts it, and seals the rest", async () => {
    await using app = await buildTestApp();
    await storeOneOfEach(app);
    await app.database.db.execute(sql`update credentials set host = 'moved.example.org'`);
    expect(await rotate(app, true)).toMatchObject({ resealed: 4, failed: 1 });
  });

  test("of two at once does no harm", async () => {
    await using app = await buildTestApp();
    await storeOneOfEach(app);
    await using beside = await buildTestApp({ beside: app });
    const all = await Promise.all([app, beside, app, beside].map((one) => rotate(one, true)));
    expect(all.map(({ failed }) => failed)).toEqual([0, 0, 0, 0]);
    expect((await readFile(join(app.home, "master.key"), "utf8")).trim().split("\n")).toHaveLength(5);
    expect(await rotate(app)).toMatchObject({ failed: 0 });
    const { masterKeys, newestKeyId } = await state(app);
    expect(masterKeys.find(({ id }) => id === newestKeyId)?.sealed).toBe(5);
  });
});

describe("the log of the backend", () => {
  test("holds no value at its finest level: neither of requests that are taken, nor of refused ones, nor of those that fail inside", async () => {
    let text = "";
    const stream = new Writable({
      write(chunk, _encoding, done) {
        text += String(chunk);
        done();
      },
    });
    const fine = createLogger({ name: "test", level: "trace", stream });
    await using app = await buildTestApp({ logger: fine });
    const value = `planted-${newId()}`;
    const host = () => `h${newId()}.example.org`;
    const store = (body: object) => app.request("POST", "/api/v1/credentials", { body });
    const { body: repository } = await app.request<{ id: string }>("POST", "/api/v1/repositories", {
      body: { url: "https://example.org/a/logged" },
    });
    const path = `/api/v1/repositories/${repository.id}/secrets/TEST_KEY`;
    const twice = host();
    for (const one of [twice, twice]) await store({ kind: "token", host: one, value });
    await store({ kind: "token", host: "not a host", value });
    await store({ kind: "ssh_key", host: host(), value, knownHosts: "x" });
    await app.request("PUT", path, { body: { value } });
    await app.request("PUT", `${path}%20`, { body: { value } });
    await rotate(app, true);
    await app.database.db.execute(
      sql.raw(`
      create function refuse() returns trigger language plpgsql as $$ begin raise exception 'crashed'; end $$;
      create trigger crash before insert or update on credentials for each row execute function refuse();
      create trigger crash before insert or update on repository_secrets for each row execute function refuse();`),
    );
    const failed = [
      await store({ kind: "token", host: host(), value }),
      await app.request("PUT", path, { body: { value } }),
    ];
    expect(failed.map(({ status }) => status)).toEqual([500, 500]);
    await app.database.db.execute(
      sql.raw("drop trigger crash on credentials; drop trigger crash on repository_secrets"),
    );
    await app.database.db.execute(sql`update credentials set host = 'moved.example.org'`);
    await rotate(app, true);
    expect(text).toContain("could not be sealed anew");
    const masterKeys = (await readFile(join(app.home, "master.key"), "utf8")).trim().split("\n");
    for (const secret of [value, app.local.secret, ...masterKeys]) expect(text).not.toContain(secret);
  });
});

describe("what a version before wrote down as it is", () => {
  test("is sealed at the start, and works as before", async () => {
    const receiver = await startReceiver();
    await using app = await buildTestApp({ config: { allowsPrivateHosts: true } });
    const { db } = app.database;
    const secret = app.local.secret;
    const id = newId();
    await db.execute(
      sql`update settings set value = to_jsonb(${secret}::text) where key = 'installation.secret'`,
    );
    await db.execute(sql`
      insert into notice_channels (id, user_id, kind, name, address, format, types, scope)
      values (${id}, ${app.local.userId}, 'webhook', 'old', ${receiver.url}, 'json', '{}', 'all'),
        (${newId()}, ${app.local.userId}, 'email', 'mail', 'ann@example.org', 'json', '{}', 'all')`);
    await using updated = await buildTestApp({ beside: app, config: { allowsPrivateHosts: true } });
    const { rows } = await db.execute<{ text: string }>(sql`
      select value::text as text from settings union all select address from notice_channels`);
    const all = rows.map(({ text }) => text).join("\n");
    expect(all).not.toContain(secret);
    expect(all).not.toContain(receiver.url);
    expect(all).toContain("ann@example.org");
    expect(updated.local.secret).toBe(secret);
    const sent = await updated.request("POST", `/api/v1/notice-channels/${id}/test`);
    expect(sent.body).toEqual({ isSent: true, reason: "" });
    await receiver.close();
  });
});
