import type { ErrorResponse, NoticeChannel } from "@agentvine/contracts";
import { waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AccountFixture, buildAccountFixture, codeOf } from "../../testing/account-fixture.ts";
import { buildTestApp } from "../../testing/build-test-app.ts";

let fixture: AccountFixture;

beforeAll(async () => {
  fixture = await buildAccountFixture();
});

afterAll(() => fixture.close());

const createChannel = (token: string, address: string) =>
  fixture.app.request<{ channel: NoticeChannel }>("POST", "/api/v1/notice-channels", {
    token,
    body: { kind: "email", name: "mail", address, types: ["task.failed"] },
  });

test("with accounts, mail of notices goes to nobody but the person themselves", async () => {
  const person = await fixture.newPerson("viewer");
  const refused = await createChannel(person.token, "stranger@example.org");
  expect([refused.status, codeOf(refused.body)]).toEqual([400, "notice_channel.address_refused"]);
  const { issues, message } = (refused.body as unknown as ErrorResponse).error;
  expect(issues).toMatchObject([{ path: "address" }]);
  expect(message).toContain("your own verified e-mail address");
  expect((await createChannel(person.token, fixture.admin.email)).status).toBe(400);
  const sent = fixture.mailServer.mails.length;
  const own = await createChannel(person.token, person.email.toUpperCase());
  expect(own.status).toBe(201);
  const path = `/api/v1/notice-channels/${own.body.channel.id}/test`;
  expect((await fixture.app.request("POST", path, { token: person.token })).body).toMatchObject({
    isSent: true,
  });
  const mail = await waitUntil(() => fixture.mailServer.mails.slice(sent).at(0));
  expect(mail.to.map((address) => address.toLowerCase())).toEqual([person.email]);
});

test("an address that was never verified is nobody's own", async () => {
  const person = await fixture.newPerson("viewer");
  await fixture.rows(`update users set is_verified = false where id = '${person.id}'`);
  const refused = await createChannel(person.token, person.email);
  expect([refused.status, codeOf(refused.body)]).toEqual([400, "notice_channel.address_refused"]);
});

test("test notices are counted as strictly as tries of passwords", async () => {
  const person = await fixture.newPerson("viewer");
  const { body } = await createChannel(person.token, person.email);
  const { app, mailServer } = fixture;
  await using limited = await buildTestApp({
    beside: app,
    config: {
      ...{ accounts: "open", smtpUrl: mailServer.url },
      ratesPerSecond: { ...app.config.ratesPerSecond, credentials: 3 / 60 },
    },
  });
  const path = `/api/v1/notice-channels/${body.channel.id}/test`;
  const statuses: number[] = [];
  for (let call = 0; call < 4; call++)
    statuses.push((await limited.request("POST", path, { token: person.token })).status);
  expect(statuses).toEqual([200, 200, 200, 429]);
});
