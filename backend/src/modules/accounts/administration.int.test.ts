import type { User } from "@agentvine/contracts";
import { waitUntil } from "@agentvine/testkit";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type AccountFixture,
  buildAccountFixture,
  codeOf,
  issueOf,
  type SignedInPerson,
} from "../../testing/account-fixture.ts";

let fixture: AccountFixture;
beforeAll(async () => {
  fixture = await buildAccountFixture();
});
afterAll(() => fixture.close());

describe("administrators", () => {
  const patchUser = (id: string, body: object, token = fixture.admin.token) =>
    fixture.app.request<User>("PATCH", `/api/v1/users/${id}`, { token, body });

  test("find users, and see nothing secret of them", async () => {
    const person = await fixture.newPerson();
    const { body } = await fixture.app.request<{ items: User[] }>(
      "GET",
      `/api/v1/users?text=${person.username.slice(2, 9)}`,
      { token: fixture.admin.token },
    );
    expect(body.items).toMatchObject([{ id: person.id, role: "developer" }]);
    expect(JSON.stringify(body)).not.toMatch(/hash|\$2/);
  });

  test("change a role, which is felt within a second", async () => {
    const person = await fixture.newPerson("viewer");
    const repositories = () =>
      fixture.app.request("POST", "/api/v1/repositories", {
        token: person.token,
        body: { url: `https://example.com/a/${person.username}` },
      });
    expect((await repositories()).status).toBe(403);
    expect((await patchUser(person.id, { role: "developer" })).body.role).toBe("developer");
    await waitUntil(async () => (await repositories()).status === 201, { timeoutMs: 5_000 });
  });

  test("disable an account: its sessions and its keys die, the worker keys that it made do not", async () => {
    const { app, admin } = fixture;
    const person = await fixture.newPerson("admin");
    const key = async (permissions: string[]) =>
      (
        await app.request<{ secret: string }>("POST", "/api/v1/api-keys", {
          token: person.token,
          body: { name: "k", permissions },
        })
      ).body.secret;
    const own = await key(["tasks:read", "users:admin"]);
    const machine = await key(["worker:register", "worker:work"]);
    expect((await app.request("GET", "/api/v1/users", { token: own })).status).toBe(200);
    // A key never does more than its owner.
    await patchUser(person.id, { role: "viewer" });
    await waitUntil(async () => (await app.request("GET", "/api/v1/users", { token: own })).status === 403);
    expect((await app.request("GET", "/api/v1/tasks", { token: own })).status).toBe(200);
    await patchUser(person.id, { isActive: false });
    await waitUntil(async () => (await app.request("GET", "/api/v1/tasks", { token: own })).status === 401);
    expect(await fixture.statusOf(person)).toBe(401);
    expect((await fixture.refresh(person.refreshToken)).status).toBe(401);
    const again = await fixture.logIn(person.username);
    expect([again.status, codeOf(again.body)]).toEqual([403, "auth.disabled"]);
    expect((await app.auth.authenticate({ authorization: `Bearer ${machine}` })).permissions).toEqual([
      "worker:register",
      "worker:work",
    ]);
    expect((await patchUser(person.id, { isActive: true }, admin.token)).status).toBe(200);
    expect((await fixture.logIn(person.username)).status).toBe(200);
  });

  test("are never all gone: the last one stays, also when two leave at once", async () => {
    await using other = await buildAccountFixture();
    const patchAs = (actor: SignedInPerson, id: string, body: object) =>
      other.app.request("PATCH", `/api/v1/users/${id}`, { token: actor.token, body });
    const alone = await patchAs(other.admin, other.admin.id, { role: "viewer" });
    expect([alone.status, codeOf(alone.body)]).toEqual([409, "user.last_admin"]);
    const second = await other.newPerson("admin");
    const both = await Promise.all([
      patchAs(other.admin, other.admin.id, { isActive: false }),
      patchAs(second, second.id, { role: "developer" }),
    ]);
    expect(both.filter(({ status }) => status === 200)).toHaveLength(1);
    const { rows } = await other.app.database.db.execute(
      sql`select id from users where role = 'admin' and is_active`,
    );
    expect(rows).toHaveLength(1);
  });
});

describe("keys of people", () => {
  test("are given no more than their owner has, are the owner's alone, and are seen by administrators", async () => {
    const { app, admin } = fixture;
    const [one, other] = [await fixture.newPerson(), await fixture.newPerson()];
    const create = (token: string, permissions: string[]) =>
      app.request<{ apiKey: { id: string }; secret: string }>("POST", "/api/v1/api-keys", {
        token,
        body: { name: "k", permissions },
      });
    const much = await create(one.token, ["tasks:read", "policies:write"]);
    expect([much.status, issueOf(much.body)?.path]).toEqual([400, "permissions"]);
    const { apiKey, secret } = (await create(one.token, ["tasks:read", "keys:write"])).body;
    expect((await create(secret, ["tasks:write"])).status).toBe(400);
    const idsFor = async (token: string) =>
      (await app.request<{ items: { id: string }[] }>("GET", "/api/v1/api-keys", { token })).body.items.map(
        ({ id }) => id,
      );
    expect(await idsFor(one.token)).toEqual([apiKey.id]);
    expect(await idsFor(other.token)).toEqual([]);
    expect(await idsFor(admin.token)).toContain(apiKey.id);
    const path = `/api/v1/api-keys/${apiKey.id}`;
    const rotate = (token: string) =>
      app.request("POST", `${path}/rotate`, { token, body: { overlapSeconds: 0 } });
    expect((await app.request("DELETE", path, { token: other.token })).status).toBe(404);
    expect((await rotate(other.token)).status).toBe(404);
    // That key would act in the name of its owner.
    expect((await rotate(admin.token)).status).toBe(403);
    expect((await app.request("DELETE", path, { token: admin.token })).status).toBe(204);
  });
});

describe("tasks", () => {
  test("are changed by who made them and by administrators; colleagues look", async () => {
    const { app, admin } = fixture;
    const [one, other] = [await fixture.newPerson(), await fixture.newPerson()];
    const { body: task } = await app.request<{ id: string }>("POST", "/api/v1/tasks", {
      token: one.token,
      body: { title: "t", type: "docs", repositoryUrl: "https://example.com/a/b", enqueue: false },
    });
    const path = `/api/v1/tasks/${task.id}`;
    const change = (token: string) => app.request("PATCH", path, { token, body: { title: "u" } });
    const refused = await change(other.token);
    expect([refused.status, codeOf(refused.body)]).toEqual([403, "auth.forbidden"]);
    for (const [method, end] of [
      ["POST", "/cancel"],
      ["POST", "/retry"],
      ["DELETE", ""],
    ] as const)
      expect((await app.request(method, `${path}${end}`, { token: other.token, body: {} })).status).toBe(403);
    expect((await app.request("GET", path, { token: other.token })).status).toBe(200);
    expect((await change(one.token)).status).toBe(200);
    expect((await change(admin.token)).status).toBe(200);
  });
});
