import type { Session, SignedIn } from "@agentvine/contracts";
import { waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type AccountFixture,
  buildAccountFixture,
  codeOf,
  password,
  type SignedInPerson,
} from "../../testing/account-fixture.ts";
import { buildTestApp } from "../../testing/build-test-app.ts";
import { lastOldMs } from "../../testing/last-old-ms.ts";

let fixture: AccountFixture;
beforeAll(async () => {
  fixture = await buildAccountFixture();
});
afterAll(() => fixture.close());

describe("a session", () => {
  test("is opened by name or e-mail address in any case; each login begins a new one", async () => {
    const person = await fixture.newPerson();
    const [a, b] = [
      await fixture.logIn(person.username.toUpperCase()),
      await fixture.logIn(` ${person.email} `),
    ];
    expect([a.status, b.status]).toEqual([200, 200]);
    expect(a.body.accessToken).not.toBe(b.body.accessToken);
    expect(a.body.expiresInSeconds).toBe(600);
    expect(JSON.stringify(a.body)).not.toMatch(/hashed|\$2b\$/);
    const wrong = await fixture.logIn(person.username, "a wrong password it is");
    expect([wrong.status, codeOf(wrong.body)]).toEqual([401, "auth.credentials_invalid"]);
  });

  test("is listed with where it is used from, and can be ended from another one at once", async () => {
    const person = await fixture.newPerson();
    const second = (await fixture.logIn(person.username)).body;
    const list = async () =>
      (await fixture.app.request<{ items: Session[] }>("GET", "/api/v1/sessions", { token: person.token }))
        .body.items;
    const sessions = await list();
    expect(sessions).toHaveLength(2);
    expect(sessions.filter(({ isCurrent }) => isCurrent)).toHaveLength(1);
    expect(sessions[0]).toMatchObject({ address: "127.0.0.1", userAgent: "node" });
    const other = sessions.find(({ isCurrent }) => !isCurrent);
    const path = `/api/v1/sessions/${other?.id}`;
    expect((await fixture.app.request("DELETE", path, { token: person.token })).status).toBe(204);
    expect([await fixture.statusOf({ token: second.accessToken }), await fixture.statusOf(person)]).toEqual([
      401, 200,
    ]);
    expect((await fixture.refresh(second.refreshToken ?? "")).status).toBe(401);
    const again = await fixture.app.request("DELETE", path, { token: person.token });
    expect([again.status, codeOf(again.body)]).toEqual([404, "session.not_found"]);
  });

  test("of somebody else can't be ended", async () => {
    const [one, other] = [await fixture.newPerson(), await fixture.newPerson()];
    const { body } = await fixture.app.request<{ items: Session[] }>("GET", "/api/v1/sessions", {
      token: one.token,
    });
    const path = `/api/v1/sessions/${body.items[0]?.id}`;
    expect((await fixture.app.request("DELETE", path, { token: other.token })).status).toBe(404);
    expect(await fixture.statusOf(one)).toBe(200);
  });

  test("ends with logout, and all of them with logout everywhere", async () => {
    const person = await fixture.newPerson();
    const second = (await fixture.logIn(person.username)).body;
    const third = (await fixture.logIn(person.username)).body;
    expect((await fixture.auth("logout", { refreshToken: person.refreshToken })).status).toBe(204);
    expect([await fixture.statusOf(person), await fixture.statusOf({ token: second.accessToken })]).toEqual([
      401, 200,
    ]);
    const everywhere = await fixture.app.request("POST", "/api/v1/auth/logout-everywhere", {
      token: second.accessToken,
    });
    expect(everywhere.status).toBe(204);
    for (const { accessToken, refreshToken } of [second, third]) {
      expect(await fixture.statusOf({ token: accessToken })).toBe(401);
      expect(codeOf((await fixture.refresh(refreshToken ?? "")).body)).toBe("auth.session_ended");
    }
  });

  test.each([
    ["", false],
    [", also when no news comes through", true],
  ])(
    "that is ended at one backend is dead at another that has just seen it, within a second%s",
    async (_when, isDeaf) => {
      await using other = await buildTestApp({
        beside: fixture.app,
        config: { accounts: "open" },
        limits: { accounts: { bcryptCost: 4 } },
      });
      if (isDeaf) await other.notifications.close();
      const person = await fixture.newPerson();
      const atOther = async () =>
        (await other.request("GET", "/api/v1/users/me", { token: person.token })).status;
      expect(await atOther()).toBe(200);
      await fixture.auth("logout", { refreshToken: person.refreshToken });
      expect(await lastOldMs(async () => (await atOther()) === 401)).toBeLessThanOrEqual(1_000);
    },
  );
});

describe("refresh tokens", () => {
  test("are replaced with each use, and kept as hashes", async () => {
    const person = await fixture.newPerson();
    const first = await fixture.refresh(person.refreshToken);
    expect(first.status).toBe(200);
    expect(first.body.refreshToken).not.toBe(person.refreshToken);
    expect(await fixture.statusOf({ token: first.body.accessToken })).toBe(200);
    const second = await fixture.refresh(first.body.refreshToken ?? "");
    expect(second.status).toBe(200);
    const rows = await fixture.rows("select * from refresh_tokens, sessions, auth_tokens");
    const dump = JSON.stringify(rows);
    for (const token of [person.refreshToken, first.body.refreshToken, second.body.refreshToken])
      expect(dump).not.toContain(token?.slice(4));
  });

  test("asked ten times at once, leave one living family and one newest token", async () => {
    const person = await fixture.newPerson();
    const answers = await Promise.all(Array.from({ length: 10 }, () => fixture.refresh(person.refreshToken)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(new Set(answers.map(({ body }) => body.refreshToken)).size).toBe(1);
    const rows = await fixture.rows(
      `select s.id, count(*) filter (where r.used_at is null)::int as unused from sessions s
       join refresh_tokens r on r.session_id = s.id where s.user_id = '${person.id}' and s.ended_at is null
       group by s.id`,
    );
    expect(rows).toMatchObject([{ unused: 1 }]);
  });

  test("whose answer was lost lead to the newest one, however often that was replaced meanwhile", async () => {
    const person = await fixture.newPerson();
    let newest = (await fixture.refresh(person.refreshToken)).body.refreshToken ?? "";
    for (let round = 0; round < 3; round += 1)
      newest = (await fixture.refresh(newest)).body.refreshToken ?? "";
    expect((await fixture.refresh(person.refreshToken)).body.refreshToken).toBe(newest);
    expect((await fixture.refresh(newest)).status).toBe(200);
  });

  test("used a second time later end their whole family, the thief's and the owner's, and it is written down", async () => {
    const person = await fixture.newPerson();
    const thief = (await fixture.refresh(person.refreshToken)).body;
    await fixture.rows(
      `update refresh_tokens set used_at = used_at - interval '11 seconds' where used_at is not null`,
    );
    const reuse = await fixture.refresh(person.refreshToken);
    expect([reuse.status, codeOf(reuse.body)]).toEqual([401, "auth.session_ended"]);
    expect((await fixture.refresh(thief.refreshToken ?? "")).status).toBe(401);
    await waitUntil(async () => (await fixture.statusOf({ token: thief.accessToken })) === 401);
    const rows = await fixture.rows(
      `select user_id from audit_log where action = 'session.reuse_detected' and user_id = '${person.id}'`,
    );
    expect(rows).toHaveLength(1);
  });

  test("that nobody used for two weeks, or of a session of sixty days, are worthless", async () => {
    const person = await fixture.newPerson();
    await fixture.rows(`update refresh_tokens set expires_at = now() where session_id in
      (select id from sessions where user_id = '${person.id}')`);
    expect((await fixture.refresh(person.refreshToken)).status).toBe(401);
    const other = await fixture.newPerson();
    await fixture.rows(`update sessions set expires_at = now() where user_id = '${other.id}'`);
    expect((await fixture.refresh(other.refreshToken)).status).toBe(401);
  });
});

describe("the cookie of a browser", () => {
  const cookieOf = (headers: Headers) => headers.get("set-cookie") ?? "";
  const logInByCookie = async (person: SignedInPerson) => {
    const { headers, body } = await fixture.auth<SignedIn>("login", {
      identifier: person.username,
      password,
    });
    expect(body.refreshToken).toBeNull();
    return cookieOf(headers);
  };
  const own = () => ({ origin: fixture.app.url, "sec-fetch-site": "same-origin" });

  test("is out of reach of scripts and other sites, sent to the routes of auth alone", async () => {
    const cookie = await logInByCookie(await fixture.newPerson());
    expect(cookie).toMatch(
      /^agentvine_refresh=avr_[\w-]{43}; Path=\/api\/v1\/auth; Max-Age=1209600; HttpOnly; SameSite=Strict$/,
    );
  });

  test("over TLS is never sent in the clear", async () => {
    await using behindTls = await buildAccountFixture({
      config: { publicUrl: "https://agents.example.com" },
    });
    const person = await behindTls.newPerson();
    const { headers } = await behindTls.app.request("POST", "/api/v1/auth/login", {
      token: null,
      body: { identifier: person.username, password },
    });
    expect(cookieOf(headers)).toMatch(/^__Secure-agentvine_refresh=.*; SameSite=Strict; Secure$/);
  });

  test("refreshes and ends the session for pages of this server, and is replaced each time", async () => {
    const person = await fixture.newPerson();
    const [cookie = ""] = (await logInByCookie(person)).split(";");
    const refreshed = await fixture.auth<SignedIn>("refresh", {}, { headers: { cookie, ...own() } });
    expect(refreshed.status).toBe(200);
    const [next = ""] = cookieOf(refreshed.headers).split(";");
    expect(next).not.toBe(cookie);
    const out = await fixture.auth("logout", {}, { headers: { cookie: next, ...own() } });
    expect([out.status, cookieOf(out.headers)]).toEqual([204, expect.stringContaining("Max-Age=0")]);
    expect((await fixture.auth("refresh", {}, { headers: { cookie: next, ...own() } })).status).toBe(401);
  });

  test.each([
    ["another site", { origin: "https://evil.example", "sec-fetch-site": "cross-site" }],
    ["a sandboxed frame", { origin: "null" }],
    ["a neighbour on the same domain", { "sec-fetch-site": "same-site" }],
    ["who does not say where from", {}],
  ])("is not taken from %s", async (_who, headers: Record<string, string>) => {
    const [cookie = ""] = (await logInByCookie(await fixture.newPerson())).split(";");
    for (const path of ["refresh", "logout"]) {
      const { status, body } = await fixture.auth(path, {}, { headers: { cookie, ...headers } });
      expect([status, codeOf(body)]).toEqual([403, "request.origin_refused"]);
    }
    expect((await fixture.auth("refresh", {}, { headers: { cookie, ...own() } })).status).toBe(200);
  });
});
