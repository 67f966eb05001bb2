import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type {
  AttemptCredentials,
  Claim,
  Credential,
  ErrorResponse,
  Repository,
  RepositorySecret,
  Task,
} from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { useTempDir } from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildWorkFixture, type TestWorker, type WorkFixture } from "../../testing/work-fixture.ts";

const dir = useTempDir();
let fixture: WorkFixture;
let worker: TestWorker;
beforeAll(async () => {
  fixture = await buildWorkFixture({ allowsPrivateHosts: true });
  worker = await fixture.registerWorker({ slots: 200 });
});
afterAll(() => fixture.close());

const path = "/api/v1/credentials";
const codeOf = (body: unknown) => (body as ErrorResponse).error?.code;
const aHost = () => `h${newId()}.example.org`;
const aValue = () => `value-of-${newId()}`;
const store = (body: object) => fixture.app.request<Credential>("POST", path, { body });
const setSecret = (repositoryId: string, name: string, value: string) =>
  fixture.app.request<RepositorySecret>("PUT", `/api/v1/repositories/${repositoryId}/secrets/${name}`, {
    body: { value },
  });
const aRepository = async (url: string) =>
  (await fixture.app.request<Repository>("POST", "/api/v1/repositories", { body: { url } })).body;

/** A claimed order of a task on that repository. */
async function claimOn(url: string): Promise<Claim> {
  const task: Task = await fixture.createTask({ repositoryUrl: url, priority: "critical" });
  let claim = await fixture.mustClaim(worker);
  while (claim.task.id !== task.id) claim = await fixture.mustClaim(worker);
  return claim;
}
const handedOut = (claim: Claim, token = claim.attemptToken, workOrderId = claim.workOrder.id) =>
  fixture.app.request<AttemptCredentials>("GET", `/api/v1/work-orders/${workOrderId}/credentials`, { token });

function sshKey(passphrase = ""): string {
  const file = join(dir(), `key-${newId()}`);
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", passphrase, "-f", file]);
  return execFileSync("cat", [file], { encoding: "utf8" });
}

describe("a credential", () => {
  test("is told of in every respect but its value, which stands nowhere in the database", async () => {
    const value = aValue();
    const host = aHost();
    const made = await store({ kind: "token", host, username: "bot", value });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ kind: "token", host, username: "bot", lastUsedAt: null });
    const list = await fixture.app.request<{ items: Credential[] }>("GET", path);
    expect(list.body.items).toContainEqual(made.body);
    const [row] = await fixture.sql<{ text: string }>(
      "select row_to_json(c)::text as text from credentials c where host = $1",
      [host],
    );
    for (const text of [row?.text, JSON.stringify([made.body, list.body])]) {
      expect(text).not.toContain(value);
      expect(text).not.toContain(Buffer.from(value).toString("base64").slice(0, 20));
    }
  });

  test("is one of its kind for a repository or host, and can be replaced or forgotten", async () => {
    const host = aHost();
    const { body } = await store({ kind: "token", host, value: aValue() });
    const second = await store({ kind: "token", host, value: aValue() });
    expect([second.status, codeOf(second.body)]).toEqual([409, "credential.exists"]);
    const changed = await fixture.app.request<Credential>("PATCH", `${path}/${body.id}`, {
      body: { username: "other" },
    });
    expect(changed.body.username).toBe("other");
    expect((await fixture.app.request("DELETE", `${path}/${body.id}`)).status).toBe(204);
    for (const method of ["PATCH", "DELETE"]) {
      const gone = await fixture.app.request(
        method,
        `${path}/${body.id}`,
        method === "PATCH" ? { body: {} } : {},
      );
      expect([gone.status, codeOf(gone.body)]).toEqual([404, "credential.not_found"]);
    }
    expect((await store({ kind: "token", host, value: aValue() })).status).toBe(201);
  });

  test.each([
    ["for nothing", { kind: "token", value: "some-value" }],
    ["for two places", { kind: "token", host: "a.example.org", repositoryId: newId(), value: "some-value" }],
    [
      "of a value that could not be kept out of logs",
      { kind: "token", host: "a.example.org", value: "short" },
    ],
    ["of several lines", { kind: "token", host: "a.example.org", value: "some\nvalue" }],
    ["for an address", { kind: "token", host: "https://a.example.org", value: "some-value" }],
    [
      "with a user name that git could misread",
      { kind: "token", host: "a.org", username: "a:b", value: "some-value" },
    ],
    ["with a key that is none", { kind: "ssh_key", host: "a.org", value: "some-value", knownHosts: "a" }],
    [
      "with a key but no known hosts",
      { kind: "ssh_key", host: "a.org", value: "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----" },
    ],
  ])("is refused %s", async (_case, body) => {
    const { status, body: answer } = await store(body);
    expect([status, codeOf(answer)]).toEqual([400, "request.invalid"]);
    expect(JSON.stringify(answer)).not.toContain("some-value");
  });

  test("that wants a passphrase is refused: nobody is there to type it", async () => {
    const ofHost = { kind: "ssh_key", host: aHost(), knownHosts: "h ssh-ed25519 AAAA" };
    const locked = await store({ ...ofHost, value: sshKey("a passphrase") });
    expect([locked.status, codeOf(locked.body)]).toEqual([400, "request.invalid"]);
    expect((await store({ ...ofHost, value: sshKey() })).status).toBe(201);
  });
});

describe("an attempt", () => {
  test("gets the credential of its own repository, before that of the host, and the moment is noted", async () => {
    const host = aHost();
    const [ofHost, ofRepository] = [aValue(), aValue()];
    const made = await store({ kind: "token", host, value: ofHost });
    await store({ kind: "token", host: aHost(), value: aValue() });
    const claim = await claimOn(`https://${host}/a/one`);
    const first = await handedOut(claim);
    expect(first.headers.get("cache-control")).toBe("no-store");
    expect(first.body).toEqual({
      credential: { kind: "token", username: "x-access-token", password: ofHost },
      testSecrets: [],
    });
    await store({ kind: "token", repositoryId: claim.repository.id, username: "own", value: ofRepository });
    expect((await handedOut(claim)).body.credential).toMatchObject({
      username: "own",
      password: ofRepository,
    });
    const { body } = await fixture.app.request<{ items: Credential[] }>("GET", path);
    expect(body.items.find(({ id }) => id === made.body.id)?.lastUsedAt).not.toBeNull();
  });

  test("gets a key for ssh and a token for https, and none for a path", async () => {
    const host = aHost();
    const key = sshKey();
    await store({ kind: "token", host, value: aValue() });
    await store({ kind: "ssh_key", host, value: key, knownHosts: `${host} ssh-ed25519 AAAA` });
    const bySsh = await handedOut(await claimOn(`git@${host}:a/by-ssh.git`));
    expect(bySsh.body.credential).toEqual({
      ...{ kind: "ssh_key", privateKey: key, knownHosts: `${host} ssh-ed25519 AAAA` },
    });
    expect((await handedOut(await claimOn(`https://${host}/a/by-https`))).body.credential?.kind).toBe(
      "token",
    );
    expect((await handedOut(await claimOn(fixture.repositoryPath))).body.credential).toBeNull();
  });

  test("gets no token of a host over plain http, only one given to that very repository", async () => {
    const host = aHost();
    await store({ kind: "token", host, value: aValue() });
    const claim = await claimOn(`http://${host}/a/plain`);
    expect((await handedOut(claim)).body.credential).toBeNull();
    const value = aValue();
    await store({ kind: "token", repositoryId: claim.repository.id, value });
    expect((await handedOut(claim)).body.credential).toMatchObject({ password: value });
  });

  test("gets nothing of another order, and nothing once its lease is lost or its work is done", async () => {
    const host = aHost();
    await store({ kind: "token", host, value: aValue() });
    const [one, other] = [await claimOn(`https://${host}/a/1`), await claimOn(`https://${host}/a/2`)];
    const foreign = await handedOut(one, one.attemptToken, other.workOrder.id);
    expect([foreign.status, codeOf(foreign.body)]).toEqual([409, "work_order.lease_lost"]);
    const person = await handedOut(one, fixture.app.token);
    expect([person.status, codeOf(person.body)]).toEqual([403, "auth.forbidden"]);
    await fixture.complete(other);
    const done = await handedOut(other);
    expect([done.status, codeOf(done.body)]).toEqual([409, "work_order.lease_lost"]);
  });

  test("that publishes gets the credential and no test-run secret", async () => {
    const host = aHost();
    const value = aValue();
    await store({ kind: "token", host, value });
    const run = await claimOn(`https://${host}/a/published`);
    await setSecret(run.repository.id, "TEST_KEY", aValue());
    expect((await handedOut(run)).body.testSecrets).toHaveLength(1);
    await fixture.complete(run);
    await fixture.app.request("POST", `/api/v1/tasks/${run.task.id}/review`, {
      body: { decision: "approve", comment: "" },
    });
    const publish = await claimUntil(run.task.id);
    expect(publish.workOrder.kind).toBe("publish");
    expect((await handedOut(publish)).body).toMatchObject({
      credential: { password: value },
      testSecrets: [],
    });
  });

  test("gets nothing of a row that somebody made belong elsewhere", async () => {
    const [host, thief] = [aHost(), aHost()];
    await store({ kind: "token", host, value: aValue() });
    await fixture.sql("update credentials set host = $1 where host = $2", [thief, host]);
    const { status, body } = await handedOut(await claimOn(`https://${thief}/a/b`));
    expect([status, codeOf(body)]).toEqual([500, "secret.damaged"]);
    await fixture.sql("delete from credentials where host = $1", [thief]);
  });
});

async function claimUntil(taskId: string): Promise<Claim> {
  for (;;) {
    const claim = await fixture.mustClaim(worker);
    if (claim.task.id === taskId) return claim;
  }
}

describe("a test-run secret", () => {
  test("is set, replaced, listed by name and forgotten; its value is told to attempts of its repository alone", async () => {
    const { id } = await aRepository(`https://${aHost()}/a/b`);
    const other = await aRepository(`https://${aHost()}/a/c`);
    const [first, second] = [aValue(), `${aValue()}\nwith a second line`];
    expect((await setSecret(id, "TEST_KEY", first)).status).toBe(200);
    const replaced = await setSecret(id, "TEST_KEY", second);
    await setSecret(other.id, "TEST_KEY", aValue());
    const list = await fixture.app.request<{ items: RepositorySecret[] }>(
      "GET",
      `/api/v1/repositories/${id}/secrets`,
    );
    expect(list.body.items).toEqual([replaced.body]);
    const stored = await fixture.sql<{ text: string }>(
      "select row_to_json(s)::text as text from repository_secrets s",
    );
    for (const { text } of stored) expect(text).not.toContain("value-of-");
    const claim = await claimOn((await aRepositoryById(id)).url);
    expect((await handedOut(claim)).body.testSecrets).toEqual([{ name: "TEST_KEY", value: second }]);
    const remove = () => fixture.app.request("DELETE", `/api/v1/repositories/${id}/secrets/TEST_KEY`);
    expect((await remove()).status).toBe(204);
    expect(codeOf((await remove()).body)).toBe("repository_secret.not_found");
    expect((await handedOut(claim)).body.testSecrets).toEqual([]);
  });

  test("of many set at once under one name the last stays, and there is one", async () => {
    const { id } = await aRepository(`https://${aHost()}/a/many`);
    const answers = await Promise.all(Array.from({ length: 8 }, () => setSecret(id, "TEST_KEY", aValue())));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(await fixture.sql("select 1 from repository_secrets where repository_id = $1", [id])).toHaveLength(
      1,
    );
  });

  test.each([
    ["AGENTVINE_TOKEN", "some value"],
    ["A-B", "some value"],
    ["1A", "some value"],
    ["A", "short"],
    ["A", "a        "],
    ["A", "with a NUL \u0000"],
  ])("%s = %j is refused", async (name, value) => {
    const { id } = await aRepository("https://example.org/a/refused");
    const { status, body } = await setSecret(id, encodeURIComponent(name), value);
    expect([status, codeOf(body)]).toEqual([400, "request.invalid"]);
  });

  test("needs a repository that there is", async () => {
    expect(codeOf((await setSecret(newId(), "A", "some value")).body)).toBe("repository.not_found");
    const { body } = await store({ kind: "token", repositoryId: newId(), value: aValue() });
    expect(codeOf(body)).toBe("repository.not_found");
  });
});

const aRepositoryById = async (id: string) =>
  (await fixture.app.request<Repository>("GET", `/api/v1/repositories/${id}`)).body;

test("the master key is a file that only its owner can read", async () => {
  const text = await readFile(join(fixture.app.home, "master.key"), "utf8");
  expect(Buffer.from(text.trim(), "base64")).toHaveLength(32);
});
