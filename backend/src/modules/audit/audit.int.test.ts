import { newId } from "@agentvine/kit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { inTransaction } from "../../database/transaction.ts";
import { causedBy } from "../../origin.ts";
import { buildTestApp, type TestApp } from "../../testing/build-test-app.ts";
import { recordAudit } from "./index.ts";

let app: TestApp;
beforeAll(async () => {
  app = await buildTestApp();
});
afterAll(() => app.close());

const rowsOf = async (targetId: string) =>
  (await app.database.pool.query("select * from audit_log where target_id = $1 order by id", [targetId]))
    .rows;

test("an entry comes and goes with the change it tells of", async () => {
  const [kept, undone] = [newId(), newId()];
  const record = (targetId: string) =>
    ({ action: "setting.changed", targetType: "setting", targetId }) as const;
  await inTransaction(app.database.db, (tx) => recordAudit(tx, record(kept)));
  const failing = inTransaction(app.database.db, async (tx) => {
    await recordAudit(tx, record(undone));
    throw new Error("the change fails");
  });
  await expect(failing).rejects.toThrow("the change fails");
  expect([(await rowsOf(kept)).length, (await rowsOf(undone)).length]).toEqual([1, 0]);
});

test("who, from where and under which request is taken from what is being answered, and can be told", async () => {
  const [byPerson, bySystem, told] = [newId(), newId(), newId()];
  const actor = { kind: "user", id: "u1", userId: "u1", permissions: [] } as const;
  const origin = { actor, address: "192.0.2.1", userAgent: "agent/1\u0000", requestId: "r1" };
  const record = (targetId: string) => ({ action: "user.logged_in", targetType: "user", targetId }) as const;
  await causedBy(origin, () => recordAudit(app.database.db, record(byPerson)));
  await recordAudit(app.database.db, record(bySystem));
  const who = { kind: "user", id: "u2", name: "ann" } as const;
  await causedBy(origin, () => recordAudit(app.database.db, { ...record(told), who }));
  expect(await rowsOf(byPerson)).toMatchObject([
    {
      actor_kind: "user",
      actor_id: "u1",
      user_id: "u1",
      address: "192.0.2.1",
      user_agent: "agent/1",
      request_id: "r1",
    },
  ]);
  expect(await rowsOf(bySystem)).toMatchObject([{ actor_kind: "system", actor_id: null, address: null }]);
  expect(await rowsOf(told)).toMatchObject([
    { actor_id: "u2", user_id: "u2", actor_name: "ann", address: "192.0.2.1" },
  ]);
});

test.each([
  ["update audit_log set action = 'user.deleted'"],
  ["update audit_log set position = 7, action = 'user.deleted'"],
  ["delete from audit_log"],
  ["truncate audit_log"],
  ["truncate audit_seals"],
  ["truncate audit_log, audit_seals cascade"],
])("the database itself refuses: %s", async (statement) => {
  await recordAudit(app.database.db, { action: "setting.changed", targetType: "setting" });
  await expect(app.database.pool.query(statement)).rejects.toMatchObject({ code: "23001" });
});
