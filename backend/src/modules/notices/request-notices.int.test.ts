import type { NoticeChannel, PolicyDetail, WorkerRequest } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startReceiver } from "../../testing/notice-receivers.ts";
import { type RequestFixture, requestFixture } from "../../testing/request-fixture.ts";
import { buildWorkFixture, type WorkFixture } from "../../testing/work-fixture.ts";
import { placeOf } from "../secrets/index.ts";

let fixture: WorkFixture;
let requests: RequestFixture;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
let ann: string;

const releases = `rules:
  - id: releases
    effect: human
    onTimeout: escalate
    escalation: [{ afterSeconds: 1800, to: ann }]
`;

beforeAll(async () => {
  receiver = await startReceiver();
  fixture = await buildWorkFixture(
    { runsChores: true, allowsPrivateHosts: true, policy: "default" },
    { limits: { noticePace: { graceMs: 0 } } },
  );
  requests = requestFixture(fixture);
  const { app } = fixture;
  await app.request<{ channel: NoticeChannel }>("POST", "/api/v1/notice-channels", {
    body: { kind: "webhook", name: "mine", address: `${receiver.url}/local`, types: ["request.waiting"] },
  });
  const [user] = await fixture.sql<{ id: string }>(
    `insert into users (id, username, email, role) values (gen_random_uuid(), 'ann', 'ann@example.org', 'developer') returning id`,
  );
  ann = user?.id ?? "";
  const id = newId();
  const address = app.secrets.seal(`${receiver.url}/ann`, placeOf.noticeAddress({ id, userId: ann }));
  await fixture.sql(
    `insert into notice_channels (id, user_id, kind, name, address, format, types, scope)
     values ($1, $2, 'webhook', 'hers', $3, 'json', '{request.waiting}', 'all')`,
    [id, ann, address],
  );
  const { body } = await app.request<PolicyDetail>("GET", "/api/v1/policies/active");
  const policy = { yaml: releases, basedOnVersion: body.version };
  expect((await app.request("POST", "/api/v1/policies", { body: policy })).status).toBe(201);
});
afterAll(async () => {
  await fixture.close();
  await receiver.close();
});

async function ask(): Promise<WorkerRequest> {
  const { claim } = await requests.run();
  return await requests.askToRun(claim, "npm publish");
}

/** How often a person was told of the request. */
const toldOf = (id: string, person: "ann" | "local"): number =>
  receiver.calls.filter(({ path, body }) => path.endsWith(`/${person}`) && body.includes(id)).length;
const told = (id: string, person: "ann" | "local", times: number) =>
  waitUntil(() => toldOf(id, person) >= times, { message: `${person} is told ${times} times` });

test("who is next of a chain is told when it comes to them, and nobody else", async () => {
  const { id } = await ask();
  await Promise.all([told(id, "local", 1), told(id, "ann", 1)]);
  await fixture.sql(
    `update worker_requests set people_since = people_since - interval '1801 seconds', deadline_at = now() where id = $1`,
    [id],
  );
  await told(id, "ann", 2);
  expect(await requests.get(id)).toMatchObject({ assignedTo: ann, escalations: 1 });
  expect(toldOf(id, "local")).toBe(1);
});

test("who is given a request is told each time, also when they had it before", async () => {
  const { id } = await ask();
  await Promise.all([told(id, "local", 1), told(id, "ann", 1)]);
  const give = async (assignedTo: string | null) => {
    const path = `/api/v1/worker-requests/${id}/delegate`;
    expect((await fixture.app.request("POST", path, { body: { assignedTo } })).status).toBe(200);
  };
  await give(ann);
  await told(id, "ann", 2);
  await give(null);
  await Promise.all([told(id, "ann", 3), told(id, "local", 2)]);
  await give(ann);
  await told(id, "ann", 4);
  expect(toldOf(id, "local")).toBe(2);
});
