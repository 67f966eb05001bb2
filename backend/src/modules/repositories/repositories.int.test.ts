import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { type ErrorResponse, endpoints, type Repository } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { createRepository, git, useTempDir } from "@agentvine/testkit";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildTestApp, type TestApp } from "../../testing/build-test-app.ts";

let app: TestApp;
beforeAll(async () => {
  app = await buildTestApp();
});
afterAll(() => app.close());

const path = endpoints.repositories.list.path;
const codeOf = (body: unknown) => (body as ErrorResponse).error.code;
const create = (body: object) => app.request<Repository>("POST", path, { body });
const eventTypes = async () => {
  const { rows } = await app.database.db.execute<{ type: string; correlation_id: string }>(
    sql`select type, correlation_id from events where type like 'repository.%' order by id`,
  );
  return rows;
};

test("a repository is made once, however it is spelled, also by many at once", async () => {
  const spellings = [
    "https://github.com/acme/shop.git",
    "git@github.com:acme/shop",
    "ssh://git@github.com/acme/shop",
    "https://github.com/Acme/Shop/",
  ];
  const answers = await Promise.all(spellings.map((url) => create({ url })));
  expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
  expect((await eventTypes()).filter(({ type }) => type === "repository.created")).toHaveLength(1);
  expect(answers[0]?.body).toMatchObject({
    canonicalKey: "github.com/acme/shop",
    name: "shop",
    defaultBranch: null,
    settings: { testCommand: null, commandTimeoutSeconds: 600 },
    egress: [],
  });
});

test("settings that are not named keep their value, each change is an event with its request", async () => {
  const { body } = await create({
    url: "https://example.org/a/settings",
    name: "Settings",
    defaultBranch: "main",
    settings: { setupCommand: "npm ci" },
  });
  const changed = await app.request<Repository>("PATCH", `${path}/${body.id}`, {
    body: { settings: { testCommand: "npm test" } },
    headers: { "x-correlation-id": "my-change" },
  });
  expect(changed.body.settings).toMatchObject({ setupCommand: "npm ci", testCommand: "npm test" });
  const renamed = await app.request<Repository>("PATCH", `${path}/${body.id}`, {
    body: { name: "Other", defaultBranch: "trunk" },
  });
  expect(renamed.body).toMatchObject({ name: "Other", defaultBranch: "trunk" });
  expect(Date.parse(renamed.body.updatedAt)).toBeGreaterThan(Date.parse(body.updatedAt));
  expect(await eventTypes()).toContainEqual({ type: "repository.updated", correlation_id: "my-change" });
});

test("lists by page, finds by name or address, and takes pattern characters literally", async () => {
  await create({ url: "https://example.org/list/alpha", name: "100% alpha" });
  await create({ url: "https://example.org/list/beta" });
  const search = async (text: string) =>
    (
      await app.request<{ items: Repository[] }>("GET", `${path}?search=${encodeURIComponent(text)}`)
    ).body.items.map(({ name }) => name);
  expect(await search("example.org/list")).toEqual(["100% alpha", "beta"]);
  expect(await search("100%")).toEqual(["100% alpha"]);
  expect(await search("%")).toEqual(["100% alpha"]);
  expect(await search("_eta")).toEqual([]);
  expect(await search("'; drop table repositories; --")).toEqual([]);
  const page = await app.request("GET", `${path}?pageSize=1&page=2&search=example.org/list`);
  expect(page.body).toMatchObject({ total: 2, page: 2, pageSize: 1, pages: 2, items: [{ name: "beta" }] });
  const nul = await app.request("GET", `${path}?search=%00`);
  expect([nul.status, codeOf(nul.body)]).toEqual([400, "request.invalid"]);
});

test("is not deleted while a task refers to it", async () => {
  const { body } = await create({ url: "https://example.org/a/used" });
  const taskId = newId();
  await app.database.db.execute(sql`
    insert into tasks (id, title, task_type, permission_level, priority, status, repository_id, repository_url,
      timeout_seconds, created_by)
    values (${taskId}, 't', 'bugfix', 'supervised', 'normal', 'completed', ${body.id}, 'x', 60, ${app.local.userId})`);
  const refused = await app.request("DELETE", `${path}/${body.id}`);
  expect([refused.status, codeOf(refused.body)]).toEqual([409, "repository.in_use"]);
  expect((refused.body as ErrorResponse).error.data).toEqual({ taskCount: 1 });
  await app.database.db.execute(sql`delete from tasks where id = ${taskId}`);
  expect((await app.request("DELETE", `${path}/${body.id}`)).status).toBe(204);
  expect((await app.request("GET", `${path}/${body.id}`)).status).toBe(404);
});

test.each(["GET", "PATCH", "DELETE"])(
  "%s of an unknown one is a 404, of a strange id a 400",
  async (method) => {
    const body = method === "PATCH" ? { body: { name: "x" } } : {};
    const unknown = await app.request(method, `${path}/${newId()}`, body);
    expect([unknown.status, codeOf(unknown.body)]).toEqual([404, "repository.not_found"]);
    expect((await app.request(method, `${path}/1%20or%201=1`, body)).status).toBe(400);
  },
);

describe("paths of this machine", () => {
  const directory = useTempDir();

  test("links, .git and file addresses lead to one repository", async () => {
    const { path: real } = await createRepository(join(directory(), "shop"), { "a.txt": "a" });
    await symlink(real, join(directory(), "link"));
    const answers = [];
    for (const url of [
      real,
      join(directory(), "link"),
      `${real}/.git`,
      `file://${real}`,
      `${real}/../shop/`,
    ]) {
      answers.push(await create({ url }));
    }
    expect(new Set(answers.map(({ body }) => body.canonicalKey))).toEqual(new Set([`file:${real}`]));
    expect(answers[1]?.body).toMatchObject({ url: real, name: "shop" });
  });

  test("a bare repository is one", async () => {
    const bare = join(directory(), "shop.git");
    await git(directory(), "init", "--bare", "--quiet", bare);
    expect((await create({ url: bare })).body).toMatchObject({ name: "shop", canonicalKey: `file:${bare}` });
  });

  test("what is no repository is told so", async () => {
    await mkdir(join(directory(), "empty"));
    for (const [name, reason] of [
      ["nowhere", /no such directory/],
      ["empty", /no git repository/],
    ] as const) {
      const { status, body } = await create({ url: join(directory(), name) });
      expect([status, codeOf(body)]).toEqual([400, "repository.unreachable"]);
      expect((body as unknown as ErrorResponse).error.message).toMatch(reason);
    }
  });

  test("ensure registers within a transaction, and nothing remains when that is rolled back", async () => {
    const { path: real } = await createRepository(join(directory(), "rolled"), { "a.txt": "a" });
    const undo = new Error("undo");
    await expect(
      app.database.db.transaction(async (tx) => {
        const repository = await app.repositories.ensure(tx, real);
        expect((await app.repositories.get(repository.id, tx)).name).toBe("rolled");
        throw undo;
      }),
    ).rejects.toBe(undo);
    expect((await app.repositories.list({ page: 1, pageSize: 10, search: "rolled" })).total).toBe(0);
  });
});
