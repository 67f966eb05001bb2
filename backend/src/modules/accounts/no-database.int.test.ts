import { TcpProxy, waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type AccountFixture,
  buildAccountFixture,
  codeOf,
  password,
  type SignedInPerson,
} from "../../testing/account-fixture.ts";

let proxy: TcpProxy;
let fixture: AccountFixture;
let person: SignedInPerson;
beforeAll(async () => {
  fixture = await buildAccountFixture({
    through: async (url) => {
      proxy = await TcpProxy.start(url);
      return proxy.urlOf(url);
    },
    limits: {
      accounts: { bcryptCost: 4, mailRetryMs: 1 },
      watch: { intervalMs: 50, answerMsMax: 1_000 },
    },
  });
  person = await fixture.newPerson();
});
afterAll(async () => {
  await proxy.set("pass");
  await fixture.close();
  await proxy.stop();
});

test("while the database is away nobody is let in: neither a session that was good a moment ago, nor a key, nor a password", async () => {
  const { app } = fixture;
  const { body } = await app.request<{ secret: string }>("POST", "/api/v1/api-keys", {
    token: person.token,
    body: { name: "k", permissions: ["account:own"] },
  });
  const callers = [person.token, body.secret];
  const statuses = async () =>
    await Promise.all(
      callers.map(async (token) => (await app.request("GET", "/api/v1/users/me", { token })).status),
    );
  expect(await statuses()).toEqual([200, 200]);
  await proxy.set("refuse");
  // What was looked up counts for a second at most, and opens nothing that needs the database.
  await waitUntil(async () => (await statuses()).every((status) => status === 503), { timeoutMs: 10_000 });
  const login = await fixture.logIn(person.username, password);
  expect([login.status, codeOf(login.body)]).toEqual([503, expect.stringMatching(/^database\./)]);
  const refresh = await fixture.refresh(person.refreshToken);
  expect(refresh.status).toBe(503);
  await proxy.set("pass");
  await waitUntil(async () => (await statuses()).every((status) => status === 200), { timeoutMs: 10_000 });
  // The token was not used up by the try that failed.
  expect((await fixture.refresh(person.refreshToken)).status).toBe(200);
}, 60_000);
