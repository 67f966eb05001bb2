import type { Me, SignedIn } from "@agentvine/contracts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type AccountFixture,
  account,
  buildAccountFixture,
  codeOf,
  issueOf,
  password,
  tokenIn,
} from "../../testing/account-fixture.ts";
import { buildTestApp } from "../../testing/build-test-app.ts";

let fixture: AccountFixture;
beforeAll(async () => {
  fixture = await buildAccountFixture();
});
afterAll(() => fixture.close());

describe("the first administrator", () => {
  test("comes by the set-up link, once, and owns what local mode made", async () => {
    await using local = await buildTestApp();
    const task = await local.request<{ id: string }>("POST", "/api/v1/repositories", {
      body: { url: "https://example.com/a/b" },
    });
    expect(task.status).toBe(201);
    await using app = await buildTestApp({
      beside: local,
      config: { accounts: "closed" },
      limits: { accounts: { bcryptCost: 4 } },
    });
    const [first, second] = [await app.accounts.makeSetUpLink(), await app.accounts.makeSetUpLink()];
    expect(first?.url).toMatch(new RegExp(`^${app.url}/set-up#token=avo_[\\w-]{43}$`));
    const setUp = (url = "", name = "grace") =>
      app.request<SignedIn>("POST", "/api/v1/auth/set-up", {
        token: null,
        body: { token: tokenIn(url), ...account(name) },
      });
    const made = await setUp(first?.url);
    expect([made.status, made.body.user]).toMatchObject([
      201,
      { id: local.local.userId, username: "grace", role: "admin", isVerified: true },
    ]);
    expect(made.headers.get("set-cookie")).toContain("agentvine_refresh=avr_");
    for (const link of [first, second]) {
      const again = await setUp(link?.url, "mallory");
      expect([again.status, codeOf(again.body)]).toEqual([400, "link.invalid"]);
    }
    expect(await app.accounts.makeSetUpLink()).toBeUndefined();
    const token = made.body.accessToken;
    expect((await app.request("GET", "/api/v1/repositories", { token })).body).toMatchObject({ total: 1 });
  });

  test("is needed before anybody else can register", async () => {
    await using app = await buildTestApp({ config: { accounts: "open" } });
    const { status, body } = await app.request("POST", "/api/v1/auth/register", {
      token: null,
      body: account("early"),
    });
    expect([status, codeOf(body)]).toEqual([409, "accounts.not_set_up"]);
  });

  test("with accounts, the token file opens no more than letting an administrator in again", async () => {
    const { app } = fixture;
    expect((await app.request("GET", "/api/v1/users", {})).status).toBe(200);
    expect((await app.request("GET", "/api/v1/tasks", {})).status).toBe(403);
    expect((await app.request("POST", "/api/v1/local-links", {})).status).toBe(403);
  });

  test("without accounts nobody signs in, and the routes say what to do", async () => {
    await using local = await buildTestApp();
    for (const [route, body] of [
      ["login", { identifier: "local", password }],
      ["register", account("x1")],
      ["refresh", { refreshToken: "avr_x" }],
      ["forgot-password", { email: "a@example.org" }],
    ] as const) {
      const answer = await local.request("POST", `/api/v1/auth/${route}`, { token: null, body });
      expect([answer.status, codeOf(answer.body)]).toEqual([409, "accounts.off"]);
    }
    const me = await local.request<Me>("GET", "/api/v1/users/me", {});
    expect(me.body).toMatchObject({ username: "local", role: "admin" });
  });
});

describe("registration", () => {
  test("that is open wants the e-mail address verified, and makes a viewer", async () => {
    const answer = await fixture.auth("register", account("ada"));
    expect([answer.status, answer.body]).toEqual([202, { state: "accepted" }]);
    const early = await fixture.logIn("ada");
    expect([early.status, codeOf(early.body)]).toEqual([403, "auth.unverified"]);
    const token = tokenIn(await fixture.mail("ada@example.org", "Verify"));
    expect((await fixture.auth("verify-email", { token })).status).toBe(204);
    expect(codeOf((await fixture.auth("verify-email", { token })).body)).toBe("link.invalid");
    const { body } = await fixture.logIn("ada@example.org");
    expect(body.user).toMatchObject({ username: "ada", role: "viewer", isVerified: true });
  });

  test("says the same of a name or address that is taken, whose owner is told by mail", async () => {
    const person = await fixture.newPerson();
    const answers = [
      await fixture.auth("register", { ...account("fresh-name"), email: person.email }),
      await fixture.auth("register", { ...account(person.username), email: "other@example.org" }),
    ];
    for (const { status, body } of answers) expect([status, body]).toEqual([202, { state: "accepted" }]);
    expect(await fixture.mail(person.email, "You have an account already")).toContain("/login");
    expect((await fixture.logIn("fresh-name")).status).toBe(401);
    expect((await fixture.logIn("other@example.org")).status).toBe(401);
  });

  test("by invitation gives the role and the address of the invitation, once", async () => {
    const { app, admin } = fixture;
    const invite = () =>
      app.request<{ url: string; isMailed: boolean }>("POST", "/api/v1/users/invitations", {
        token: admin.token,
        body: { email: "Linus@Example.org", role: "developer" },
      });
    const [older, newer] = [await invite(), await invite()];
    expect(newer.body).toMatchObject({ isMailed: true });
    const register = (url: string) =>
      fixture.auth("register", { ...account("linus"), email: "x@example.org", invitation: tokenIn(url) });
    // The old link is dead once there is a new one.
    expect(codeOf((await register(older.body.url)).body)).toBe("link.invalid");
    expect((await register(newer.body.url)).body).toEqual({ state: "active" });
    expect(codeOf((await register(newer.body.url)).body)).toBe("link.invalid");
    const { body } = await fixture.logIn("linus");
    expect(body.user).toMatchObject({ email: "linus@example.org", role: "developer" });
    expect(await invite()).toMatchObject({ status: 409, body: { error: { code: "user.taken" } } });
  });

  test("is refused where it is closed, and wants an invitation where it is by invitation", async () => {
    for (const [accounts, code] of [
      ["closed", "accounts.closed"],
      ["invite", "accounts.closed"],
    ] as const) {
      await using other = await buildAccountFixture({ config: { accounts } });
      const { body } = await other.app.request("POST", "/api/v1/auth/register", {
        token: null,
        body: account("somebody"),
      });
      expect(codeOf(body)).toBe(code);
    }
  });

  test.each([
    ["username", { username: "Ada Lovelace" }, /letters, digits/],
    ["email", { email: "ada" }, /e-mail address/],
    ["password", { password: "short" }, /at least 12 characters/],
    ["password", { password: "ä".repeat(40) }, /at most 72 bytes/],
    ["password", { password: "password1234" }, /tried first/],
    ["password", { password: "QwertyQwerty" }, /tried first|repeats/],
    ["password", { password: "123456789012" }, /repeats or counts/],
    ["password", { password: "zzzzzzzzzzzzzz" }, /repeats or counts/],
    ["password", { username: "margaretham", password: "margaretham1" }, /your name/],
  ])("names the field %s and what is wrong with it: %j", async (field, change, message) => {
    const { status, body } = await fixture.auth("register", { ...account("picky"), ...change });
    expect(status).toBe(400);
    expect(issueOf(body)?.path).toBe(field);
    expect(issueOf(body)?.message).toMatch(message);
  });

  test.each([
    "correct horse battery staple",
    "lowercaseonlyletters",
    `${"ö".repeat(34)}xyqz`,
    `${"w1 ".repeat(23)}end`,
  ])("takes a password without rules of composition, up to 72 bytes, unmodified: %s", async (chosen) => {
    const name = `n${Buffer.byteLength(chosen)}${chosen.length}`;
    await fixture.auth("register", { ...account(name), password: chosen });
    await fixture.auth("verify-email", {
      token: tokenIn(await fixture.mail(`${name}@example.org`, "Verify")),
    });
    expect((await fixture.logIn(name, chosen)).status).toBe(200);
    expect((await fixture.logIn(name, `${chosen} `)).status).toBe(401);
    expect((await fixture.logIn(name, chosen.slice(0, -1))).status).toBe(401);
  });
});
