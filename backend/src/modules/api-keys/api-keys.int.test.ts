import { readFile } from "node:fs/promises";
import type { ApiKey } from "@agentvine/contracts";
import { tempDir } from "@agentvine/testkit";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AccountFixture, buildAccountFixture, codeOf } from "../../testing/account-fixture.ts";
import { buildTestApp } from "../../testing/build-test-app.ts";
import { prepareLocalMode } from "../auth/index.ts";

let fixture: AccountFixture;

beforeAll(async () => {
  fixture = await buildAccountFixture();
});

afterAll(() => fixture.close());

const path = "/api/v1/api-keys";
const create = (token: string, name = "mine") =>
  fixture.app.request<{ apiKey: ApiKey }>("POST", path, {
    token,
    body: { name, permissions: ["tasks:read"] },
  });
const list = async (token: string): Promise<ApiKey[]> =>
  (await fixture.app.request<{ items: ApiKey[] }>("GET", path, { token })).body.items;
/** Gives a person so many keys, the last of which are the newest. */
const addKeys = (userId: string, total: number, expiresAt = "null") =>
  fixture.rows(`insert into api_keys (id, name, prefix, key_hash, permissions, created_by, expires_at)
    select gen_random_uuid(), 'many', 'avk_', gen_random_uuid()::text, '{tasks:read}', '${userId}', ${expiresAt}
    from generate_series(1, ${total})`);

test("people see their keys, however many newer ones others have, and nobody else's", async () => {
  const [person, busy] = [await fixture.newPerson(), await fixture.newPerson()];
  const { body } = await create(person.token);
  await addKeys(busy.id, 1_001);
  expect((await list(person.token)).map(({ id }) => id)).toEqual([body.apiKey.id]);
  expect(await list(busy.token)).toHaveLength(1_000);
  const all = new Set((await list(fixture.admin.token)).map(({ createdBy }) => createdBy));
  expect(all).toContain(busy.id);
});

test("a person has 200 living keys at most, also when several are asked for at once; others are not held up", async () => {
  const [person, other] = [await fixture.newPerson(), await fixture.newPerson()];
  await addKeys(person.id, 198);
  // Those that ended do not count.
  await addKeys(person.id, 50, "now() - interval '1 hour'");
  const answers = await Promise.all([1, 2, 3, 4, 5].map(() => create(person.token)));
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 409, 409, 409]);
  const refused = answers.find(({ status }) => status === 409);
  expect(codeOf(refused?.body)).toBe("api_key.limit_reached");
  expect((await create(other.token)).status).toBe(201);
  const made = answers.find(({ status }) => status === 201);
  await fixture.app.request("DELETE", `${path}/${made?.body.apiKey.id}`, { token: person.token });
  expect((await create(person.token)).status).toBe(201);
});

test("local mode opens with keys of its own, however many its owner has", async () => {
  await using local = await buildTestApp();
  const { db } = local.database;
  await db.execute(sql`insert into api_keys (id, name, prefix, key_hash, permissions, created_by)
    select gen_random_uuid(), 'many', 'avk_', gen_random_uuid()::text, '{tasks:read}', ${local.local.userId}
    from generate_series(1, 200)`);
  await using home = await tempDir("agentvine-keys-");
  const { apiKeys, secrets } = local;
  const again = await prepareLocalMode({ db, apiKeys, secrets, home: home.path });
  expect(await apiKeys.find((await readFile(again.workerKeyFile, "utf8")).trim())).toBeDefined();
});
