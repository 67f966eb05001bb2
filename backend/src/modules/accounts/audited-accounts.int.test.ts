import type { Session } from "@agentvine/contracts";
import { waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type AccountFixture,
  account,
  buildAccountFixture,
  password,
  tokenIn,
} from "../../testing/account-fixture.ts";
import { auditedAccountRoutes } from "../../testing/audited-routes.ts";

let fixture: AccountFixture;
beforeAll(async () => {
  fixture = await buildAccountFixture();
});
afterAll(() => fixture.close());

const newPassword = "eight noisy lighthouses";
const actionsOf = async (after: number): Promise<string[]> =>
  (await fixture.rows("select action from audit_log order by id"))
    .slice(after)
    .map(({ action }) => String(action));

test("what happens to accounts is in the audit log: who, from where, and nothing of what was typed", async () => {
  const { app, admin } = fixture;
  const as = (token: string, method: string, path: string, body: object = {}) =>
    app.request<{ items: Session[] }>(method, path, { token, ...(method === "GET" ? {} : { body }) });
  const seen = new Set<string>();
  /** Does what a route is for, and finds its entry. */
  const check = async (route: string, act: () => Promise<unknown>) => {
    const before = (await actionsOf(0)).length;
    await act();
    const expected = auditedAccountRoutes[route] ?? "";
    // Forgotten passwords are looked up in the background.
    await waitUntil(async () => (await actionsOf(before)).includes(expected), { message: route });
    seen.add(route);
  };
  // The fixture has been set up by it.
  expect(await actionsOf(0)).toContain(auditedAccountRoutes["POST /api/v1/auth/set-up"]);
  seen.add("POST /api/v1/auth/set-up");

  await check("POST /api/v1/auth/register", () => fixture.auth("register", account("ada")));
  const verification = tokenIn(await fixture.mail("ada@example.org", "Verify"));
  await check("POST /api/v1/auth/verify-email", () => fixture.auth("verify-email", { token: verification }));
  await check("POST /api/v1/auth/login", () => fixture.logIn("ada"));
  const { body: ada } = await fixture.logIn("ada");
  const { body: other } = await fixture.logIn("ada");
  await check("POST /api/v1/auth/logout", () =>
    fixture.auth("logout", { refreshToken: other.refreshToken ?? "" }),
  );
  const userPath = `/api/v1/users/${ada.user.id}`;
  await check("PATCH /api/v1/users/:userId", () => as(admin.token, "PATCH", userPath, { role: "developer" }));
  await check("PATCH /api/v1/users/me", () =>
    as(ada.accessToken, "PATCH", "/api/v1/users/me", { fullName: "Ada L." }),
  );
  await check("POST /api/v1/users/invitations", () =>
    as(admin.token, "POST", "/api/v1/users/invitations", { email: "new@example.org" }),
  );
  await check("POST /api/v1/auth/change-password", () =>
    as(ada.accessToken, "POST", "/api/v1/auth/change-password", { currentPassword: password, newPassword }),
  );
  await check("POST /api/v1/users/:userId/links", () =>
    as(admin.token, "POST", `${userPath}/links`, { purpose: "reset_password" }),
  );
  await check("POST /api/v1/auth/forgot-password", () =>
    fixture.auth("forgot-password", { email: "ada@example.org" }),
  );
  const reset = tokenIn(await fixture.mail("ada@example.org", "Set a new password", 1));
  await check("POST /api/v1/auth/reset-password", () =>
    fixture.auth("reset-password", { token: reset, newPassword: password }),
  );
  const { body: again } = await fixture.logIn("ada");
  await fixture.logIn("ada");
  const { body: sessions } = await as(again.accessToken, "GET", "/api/v1/sessions");
  const second = sessions.items.find(({ isCurrent }) => !isCurrent);
  await check("DELETE /api/v1/sessions/:sessionId", () =>
    as(again.accessToken, "DELETE", `/api/v1/sessions/${second?.id}`),
  );
  await check("POST /api/v1/auth/logout-everywhere", () =>
    as(again.accessToken, "POST", "/api/v1/auth/logout-everywhere"),
  );
  expect([...seen].toSorted()).toEqual(Object.keys(auditedAccountRoutes).toSorted());

  await fixture.logIn("ada", "a password in the wrong place");
  await fixture.logIn("a password in the wrong place", "x");
  // The keys of this machine were made at the start, by nobody.
  const rows = await fixture.rows("select * from audit_log where actor_kind <> 'system'");
  for (const { action, address, request_id } of rows)
    expect([action, address, typeof request_id]).toEqual([action, "127.0.0.1", "string"]);
  const logins = rows.filter(({ action }) => action === "user.logged_in");
  expect(logins.map(({ user_id }) => user_id)).toContain(ada.user.id);
  expect(rows.filter(({ action }) => action === "user.login_failed")).toMatchObject([
    { target_id: ada.user.id, user_id: null },
    { target_id: null, user_id: null },
  ]);
  expect(JSON.stringify(rows)).not.toMatch(/lighthouses|wrong place|avo_|avr_|\$2b\$|eyJ/);
});
