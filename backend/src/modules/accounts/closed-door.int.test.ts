import type { ApiKey, Repository } from "@agentvine/contracts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type AccountFixture,
  account,
  buildAccountFixture,
  codeOf,
  password,
  type SignedInPerson,
  tokenIn,
} from "../../testing/account-fixture.ts";

// Ways round what the rest of this folder promises; each of them led in once.

let fixture: AccountFixture;
beforeAll(async () => {
  fixture = await buildAccountFixture();
});
afterAll(() => fixture.close());

const send = <T = unknown>(token: string, method: string, path: string, body?: object) =>
  fixture.app.request<T>(method, path, { token, ...(body === undefined ? {} : { body }) });
const newKey = async ({ token }: Pick<SignedInPerson, "token">, permissions: string[], change: object = {}) =>
  (
    await send<{ apiKey: ApiKey; secret: string }>(token, "POST", "/api/v1/api-keys", {
      ...{ name: "k", permissions, ...change },
    })
  ).body;
const newPassword = "eight noisy lighthouses";

describe("a key", () => {
  test("gets no other key of its owner that does more", async () => {
    const { admin } = fixture;
    const strong = await newKey(admin, ["users:admin", "policies:write"]);
    const weak = await newKey(admin, ["keys:write"]);
    const rotate = (token: string) =>
      send(token, "POST", `/api/v1/api-keys/${strong.apiKey.id}/rotate`, { overlapSeconds: 0 });
    expect((await rotate(weak.secret)).status).toBe(400);
    expect((await rotate(admin.token)).status).toBe(201);
  });

  test("makes none that outlives it, and does not live longer by taking its own place", async () => {
    const person = await fixture.newPerson();
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const key = await newKey(person, ["keys:write", "tasks:read"], { expiresAt });
    const child = await newKey({ token: key.secret }, ["tasks:read"]);
    const long = await newKey({ token: key.secret }, ["tasks:read"], { expiresAt: "2099-01-01T00:00:00Z" });
    const rotated = await send<{ apiKey: ApiKey }>(
      ...([key.secret, "POST", `/api/v1/api-keys/${key.apiKey.id}/rotate`, {}] as const),
    );
    for (const { apiKey } of [child, long, rotated.body])
      expect(Date.parse(apiKey.expiresAt ?? "")).toBeLessThanOrEqual(Date.parse(expiresAt));
  });

  test("leads to no account: not its owner's by another address, nor anybody's by a link or a role", async () => {
    const { admin } = fixture;
    const { secret } = await newKey(admin, ["account:own", "users:admin"]);
    const path = `/api/v1/users/${admin.id}`;
    for (const answer of [
      await send(secret, "PATCH", "/api/v1/users/me", { email: "mallory@example.org" }),
      await send(secret, "POST", `${path}/links`, { purpose: "reset_password" }),
      await send(secret, "PATCH", path, { role: "admin" }),
      await send(secret, "POST", "/api/v1/users/invitations", { email: "m@example.org", role: "admin" }),
    ])
      expect([answer.status, codeOf(answer.body)]).toEqual([403, "auth.forbidden"]);
    expect((await send(secret, "GET", "/api/v1/users")).status).toBe(200);
  });
});

test("an administrator whose browser was left open invites nobody, makes no link and gives no role", async () => {
  const person = await fixture.newPerson("admin");
  await fixture.rows(
    `update sessions set authenticated_at = now() - interval '1 day' where user_id = '${person.id}'`,
  );
  await fixture.auth("refresh", { refreshToken: person.refreshToken });
  const path = `/api/v1/users/${person.id}`;
  for (const answer of [
    await send(person.token, "POST", `${path}/links`, { purpose: "reset_password" }),
    await send(person.token, "PATCH", path, { isVerified: true }),
    await send(person.token, "POST", "/api/v1/users/invitations", { email: "n@example.org" }),
  ])
    expect([answer.status, codeOf(answer.body)]).toEqual([403, "auth.password_needed"]);
});

describe("a login under way", () => {
  test("while the password is set anew begins nothing that outlives that", async () => {
    for (let round = 0; round < 6; round += 1) {
      const person = await fixture.newPerson();
      await fixture.auth("forgot-password", { email: person.email });
      const token = tokenIn(await fixture.mail(person.email, "Set a new password"));
      const [reset, ...logins] = await Promise.all([
        fixture.auth("reset-password", { token, newPassword }),
        fixture.logIn(person.username),
        fixture.logIn(person.username),
      ]);
      expect(reset.status).toBe(204);
      for (const { body } of logins) {
        const refreshToken = body.refreshToken ?? "avr_none";
        expect((await fixture.refresh(refreshToken)).status).toBe(401);
      }
    }
  });
});

describe("the wait after wrong passwords", () => {
  const from = (address: string, identifier: string, given: string) =>
    fixture.app.server.inject({
      ...{ method: "POST", url: "/api/v1/auth/login", headers: { host: "localhost" } },
      remoteAddress: address,
      payload: { identifier, password: given, transport: "body" },
    });

  test("is not passed by many tries at once", async () => {
    const person = await fixture.newPerson();
    const startedMs = performance.now();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => from("192.0.2.77", person.username, `wrong password ${n}`)),
    );
    const tried = answers.filter(({ statusCode }) => statusCode === 401);
    // One more for each wait that has passed meanwhile: a second, then two, then four.
    const waits = Math.floor(Math.log2((performance.now() - startedMs) / 1_000 + 1));
    expect(tried.length).toBeLessThanOrEqual(5 + waits);
  });

  test("ends for an owner behind the guesser's own address, once a new password is set by a link", async () => {
    const person = await fixture.newPerson();
    for (let n = 0; n < 9; n += 1) await from("127.0.0.1", person.username, `wrong password ${n}`);
    await fixture.rows(
      "update login_failures set failures = 12, last_failed_at = clock_timestamp() where failures > 0",
    );
    expect((await fixture.logIn(person.username)).status).toBe(429);
    await fixture.auth("forgot-password", { email: person.email });
    const token = tokenIn(await fixture.mail(person.email, "Set a new password"));
    expect((await fixture.auth("reset-password", { token, newPassword })).status).toBe(204);
    expect((await fixture.logIn(person.username, newPassword)).status).toBe(200);
  });

  test("counts no right password: who signs in often is never told to wait", async () => {
    const person = await fixture.newPerson();
    const counted = async () =>
      await fixture.rows("select coalesce(sum(failures), 0)::int from login_failures");
    const before = await counted();
    for (let n = 0; n < 8; n += 1) expect((await fixture.logIn(person.email)).status).toBe(200);
    expect(await counted()).toEqual(before);
  });
});

describe("the queue", () => {
  test("starts no task of somebody else, neither by itself nor among others", async () => {
    const [one, other] = [await fixture.newPerson(), await fixture.newPerson()];
    const { body: task } = await send<{ id: string }>(one.token, "POST", "/api/v1/tasks", {
      ...{ title: "t", type: "docs", repositoryUrl: "https://example.com/a/queue", enqueue: false },
    });
    for (const [path, body] of [
      ["/api/v1/queue/enqueue", { taskId: task.id }],
      ["/api/v1/queue/enqueue-batch", { items: [{ taskId: task.id }] }],
    ] as const) {
      const answer = await send(other.token, "POST", path, body);
      expect([path, answer.status, codeOf(answer.body)]).toEqual([path, 403, "auth.forbidden"]);
      expect((await send(one.token, "POST", path, body)).status).not.toBe(403);
    }
  });
});

describe("a repository", () => {
  const repositories = "/api/v1/repositories";
  const environment = { API_URL: "https://staging.example.org/secret-path" };

  test("has commands and environment from administrators alone, and shows others the names of its environment", async () => {
    const { admin } = fixture;
    const [developer, viewer] = [await fixture.newPerson(), await fixture.newPerson("viewer")];
    const url = "https://example.com/a/settings";
    const settings = { testCommand: "npm test", environment };
    expect((await send(developer.token, "POST", repositories, { url, settings })).status).toBe(403);
    const { body } = await send<Repository>(admin.token, "POST", repositories, { url, settings });
    const path = `${repositories}/${body.id}`;
    const spying = { settings: { testCommand: "env | base64" } };
    expect((await send(developer.token, "PATCH", path, spying)).status).toBe(403);
    expect((await send(developer.token, "DELETE", path)).status).toBe(403);
    expect((await send(developer.token, "PATCH", path, { name: "settings" })).status).toBe(200);
    for (const { token } of [developer, viewer])
      for (const shown of [await send(token, "GET", path), await send(token, "GET", repositories)]) {
        expect(JSON.stringify(shown.body)).toContain("API_URL");
        expect(JSON.stringify(shown.body)).not.toContain("secret-path");
      }
    expect((await send<Repository>(admin.token, "GET", path)).body.settings.environment).toEqual(environment);
  });
});

describe("an invitation", () => {
  const invite = (by: SignedInPerson, email: string) =>
    send<{ url: string }>(by.token, "POST", "/api/v1/users/invitations", { email, role: "admin" });

  test("is worth nothing once who invited is an administrator no longer", async () => {
    const dismissed = await fixture.newPerson("admin");
    const { body } = await invite(dismissed, "friend@example.org");
    await send(fixture.admin.token, "PATCH", `/api/v1/users/${dismissed.id}`, { isActive: false });
    const answer = await fixture.auth("register", {
      ...{ username: "friend", password, invitation: tokenIn(body.url) },
    });
    expect([answer.status, codeOf(answer.body)]).toEqual([400, "link.invalid"]);
  });

  test("is not blocked by a stranger who registered name and address first and never showed that they are theirs", async () => {
    await fixture.auth("register", account("boss"));
    const { status, body } = await invite(fixture.admin, "boss@example.org");
    expect(status).toBe(201);
    const made = await fixture.auth("register", {
      ...{ username: "boss", password: newPassword, invitation: tokenIn(body.url) },
    });
    expect(made.body).toEqual({ state: "active" });
    expect((await fixture.logIn("boss", newPassword)).body.user.role).toBe("admin");
    // The stranger's link is dead with the stranger's account.
    const stranger = tokenIn(await fixture.mail("boss@example.org", "Verify"));
    expect((await fixture.auth("verify-email", { token: stranger })).status).toBe(400);
    expect((await invite(fixture.admin, "boss@example.org")).status).toBe(409);
  });

  test("accounts that nobody has shown to be theirs give their names back after a week", async () => {
    await fixture.auth("register", account("forgotten"));
    const count = async () =>
      (await fixture.rows("select id from users where username = 'forgotten'")).length;
    await fixture.app.forgetEnded(90);
    expect(await count()).toBe(1);
    await fixture.rows(
      "update users set created_at = now() - interval '8 days' where username = 'forgotten'",
    );
    await fixture.app.forgetEnded(90);
    expect(await count()).toBe(0);
  });
});
