import type { Me } from "@agentvine/contracts";
import { waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type AccountFixture,
  buildAccountFixture,
  codeOf,
  issueOf,
  password,
  type SignedInPerson,
  tokenIn,
} from "../../testing/account-fixture.ts";

let fixture: AccountFixture;
beforeAll(async () => {
  fixture = await buildAccountFixture();
});
afterAll(() => fixture.close());

describe("passwords", () => {
  test("are changed with the old one, which ends the other sessions and not this one", async () => {
    const person = await fixture.newPerson();
    const other = (await fixture.logIn(person.username)).body;
    const change = (body: object) =>
      fixture.app.request("POST", "/api/v1/auth/change-password", { token: person.token, body });
    const newPassword = "eight noisy lighthouses";
    const wrong = await change({ currentPassword: "not the right one", newPassword });
    expect([wrong.status, codeOf(wrong.body)]).toEqual([401, "auth.credentials_invalid"]);
    const weak = await change({ currentPassword: password, newPassword: "iloveyou12345" });
    expect(issueOf(weak.body)?.path).toBe("newPassword");
    expect((await change({ currentPassword: password, newPassword })).status).toBe(204);
    expect([await fixture.statusOf(person), await fixture.statusOf({ token: other.accessToken })]).toEqual([
      200, 401,
    ]);
    expect((await fixture.logIn(person.username)).status).toBe(401);
    expect((await fixture.logIn(person.username, newPassword)).status).toBe(200);
    expect(await fixture.mail(person.email, "Your password was changed")).toContain("ask your administrator");
  });

  test("that are forgotten are set by a mailed link, once, which ends all sessions; the old link dies with the new", async () => {
    const person = await fixture.newPerson();
    const forgot = () => fixture.auth("forgot-password", { email: person.email });
    expect((await forgot()).body).toEqual({ state: "accepted" });
    const old = tokenIn(await fixture.mail(person.email, "Set a new password"));
    await forgot();
    const token = tokenIn(await fixture.mail(person.email, "Set a new password", 1));
    const newPassword = "nine blue lighthouses";
    const reset = (given: string) => fixture.auth("reset-password", { token: given, newPassword });
    expect(codeOf((await reset(old)).body)).toBe("link.invalid");
    expect((await reset(token)).status).toBe(204);
    expect(codeOf((await reset(token)).body)).toBe("link.invalid");
    expect(await fixture.statusOf(person)).toBe(401);
    expect((await fixture.refresh(person.refreshToken)).status).toBe(401);
    expect((await fixture.logIn(person.username, newPassword)).status).toBe(200);
  });

  test("links name the configured address, whatever Host a request had", async () => {
    await using behind = await buildAccountFixture({
      config: {
        publicUrl: "https://agents.example.com",
        allowedHosts: ["agents.example.com", "evil.example"],
      },
    });
    const person = await behind.newPerson();
    await behind.app.server.inject({
      method: "POST",
      url: "/api/v1/auth/forgot-password",
      headers: { host: "evil.example" },
      payload: { email: person.email },
    });
    const text = await behind.mail(person.email, "Set a new password");
    expect(text).toContain("https://agents.example.com/reset-password#token=avo_");
    expect(text).not.toContain("evil.example");
  });

  test("reset links are worthless after thirty minutes, and once the account has another address", async () => {
    const person = await fixture.newPerson();
    await fixture.auth("forgot-password", { email: person.email });
    const token = tokenIn(await fixture.mail(person.email, "Set a new password"));
    await fixture.rows(
      `update users set email = 'moved-${person.username}@example.org' where id = '${person.id}'`,
    );
    const reset = () => fixture.auth("reset-password", { token, newPassword: "nine blue lighthouses" });
    expect(codeOf((await reset()).body)).toBe("link.invalid");
    await fixture.rows(`update users set email = '${person.email}' where id = '${person.id}'`);
    const rows = await fixture.rows(
      `select extract(epoch from expires_at - created_at)::int as seconds from auth_tokens
       where user_id = '${person.id}' and purpose = 'reset_password'`,
    );
    expect(rows).toMatchObject([{ seconds: 1_800 }]);
    await fixture.rows(`update auth_tokens set expires_at = now() where user_id = '${person.id}'`);
    expect(codeOf((await reset()).body)).toBe("link.invalid");
  });

  test("a mail server that refuses for a while gets the link in the end", async () => {
    const person = await fixture.newPerson();
    fixture.mailServer.state.refusals = 2;
    await fixture.auth("forgot-password", { email: person.email });
    expect(tokenIn(await fixture.mail(person.email, "Set a new password"))).toMatch(/^avo_/);
  });

  test("without a mail server an administrator hands the link over", async () => {
    await using other = await buildAccountFixture({ config: { smtpUrl: undefined } });
    const person = await other.newPerson();
    const { body } = await other.app.request<{ url: string; isMailed: boolean }>(
      "POST",
      `/api/v1/users/${person.id}/links`,
      { token: other.admin.token, body: { purpose: "reset_password" } },
    );
    expect(body.isMailed).toBe(false);
    const reset = await other.app.request("POST", "/api/v1/auth/reset-password", {
      token: null,
      body: { token: tokenIn(body.url), newPassword: "nine blue lighthouses" },
    });
    expect(reset.status).toBe(204);
    expect((await other.logIn(person.username, "nine blue lighthouses")).status).toBe(200);
  });
});

describe("one's own account", () => {
  const patch = (person: SignedInPerson, body: object) =>
    fixture.app.request<Me>("PATCH", "/api/v1/users/me", { token: person.token, body });

  test("keeps name and settings; what is not named stays", async () => {
    const person = await fixture.newPerson();
    await patch(person, {
      fullName: "Ada L.",
      settings: { theme: "dark", tables: { tasks: { pageSize: 50 } } },
    });
    const { body } = await patch(person, { settings: { sidebar: "collapsed" } });
    expect(body).toMatchObject({
      fullName: "Ada L.",
      settings: { theme: "dark", sidebar: "collapsed", tables: { tasks: { pageSize: 50 } } },
    });
  });

  test.each([
    { role: "admin" },
    { isActive: true },
    { isVerified: true },
    { isOwner: true },
    { id: "0192f0c1-7a10-7c11-8a01-000000000001" },
    { hashedPassword: "x" },
    { settings: { isAdmin: true } },
    { settings: { theme: "pink" } },
    { settings: { tables: { tasks: { hidden: "all" } } } },
  ])("can't be given what only administrators give, nor settings that are none: %j", async (body) => {
    const person = await fixture.newPerson();
    const answer = await patch(person, body);
    expect([answer.status, codeOf(answer.body)]).toEqual([400, "request.invalid"]);
    expect((await fixture.app.request("GET", "/api/v1/tasks", { token: person.token })).status).toBe(200);
    expect((await fixture.app.request("GET", "/api/v1/users", { token: person.token })).status).toBe(403);
  });

  test("gets a new e-mail address once that is verified; the old one is told", async () => {
    const person = await fixture.newPerson();
    const email = `new-${person.email}`;
    const { body } = await patch(person, { email });
    expect(body).toMatchObject({ email: person.email, pendingEmail: email });
    await fixture.auth("verify-email", { token: tokenIn(await fixture.mail(email, "Verify")) });
    const me = await fixture.app.request<Me>("GET", "/api/v1/users/me", { token: person.token });
    expect(me.body).toMatchObject({ email, pendingEmail: null });
    expect(await fixture.mail(person.email, "Your e-mail address was changed")).toContain(email);
  });

  test("wants a recent password for another address and for keys; confirming it again is enough", async () => {
    const person = await fixture.newPerson();
    await fixture.rows(
      `update sessions set authenticated_at = now() - interval '16 minutes' where user_id = '${person.id}'`,
    );
    await fixture.rows("notify agentvine_wakes");
    const send = (method: string, path: string, body: object) =>
      fixture.app.request(method, path, { token: person.token, body });
    const newKey = () => send("POST", "/api/v1/api-keys", { name: "mine", permissions: ["tasks:read"] });
    await waitUntil(async () => (await newKey()).status === 403);
    for (const { status, body } of [await newKey(), await patch(person, { email: "else@example.org" })])
      expect([status, codeOf(body)]).toEqual([403, "auth.password_needed"]);
    const wrong = await send("POST", "/api/v1/auth/confirm-password", { password: "not the right one" });
    expect(codeOf(wrong.body)).toBe("auth.credentials_invalid");
    expect((await send("POST", "/api/v1/auth/confirm-password", { password })).status).toBe(204);
    await waitUntil(async () => (await newKey()).status === 201);
  });
});
