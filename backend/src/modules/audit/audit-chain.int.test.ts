import {
  type AuditList,
  type AuditSeal,
  type AuditVerification,
  auditEntrySchema,
} from "@agentvine/contracts";
import { AuditVerifier, newId, noDigest, sealDigest } from "@agentvine/kit";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inTransaction } from "../../database/transaction.ts";
import { buildTestApp, type TestApp } from "../../testing/build-test-app.ts";
import { eachSeal } from "./audit-seal.repository.ts";
import { recordAudit } from "./index.ts";

let app: TestApp;
let other: TestApp;
beforeAll(async () => {
  app = await buildTestApp();
  other = await buildTestApp({ beside: app });
});
afterAll(async () => {
  await other.close();
  await app.close();
});

const sql = async (text: string, values: unknown[] = []) =>
  (await app.database.pool.query(text, values)).rows;
const record = (change: object = {}) =>
  recordAudit(app.database.db, {
    ...{ action: "setting.changed", targetType: "setting", targetId: newId() },
    ...{ before: { z: 1, a: [1.5, "ü\u2028"] }, after: { z: null }, ...change },
  });
const recordMany = (count: number) => Promise.all(Array.from({ length: count }, () => record()));
const verify = async (query = "") =>
  (await app.request<AuditVerification>("GET", `/api/v1/audit-log/verification${query}`)).body;
const list = async (query: string) =>
  (await app.request<AuditList>("GET", `/api/v1/audit-log?${query}`)).body;
const exported = async (query = "") => {
  const response = await fetch(`${app.url}/api/v1/audit-log/export${query}`, {
    headers: { authorization: `Bearer ${app.token}` },
  });
  const text = await response.text();
  return {
    response,
    text,
    lines: text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)])),
  };
};

/** Does something that the triggers refuse, as somebody who owns the database can. */
async function tamper(...statements: string[]) {
  await sql(["begin", "set local session_replication_role = replica", ...statements, "commit"].join(";"));
}

describe("sealing", () => {
  test("by two backends at once, while entries are still written, leaves no gap and seals nothing twice", async () => {
    const writing = Promise.all(Array.from({ length: 10 }, () => recordMany(45)));
    for (let round = 0; round < 6; round += 1)
      await Promise.all([app.auditChain.seal(), other.auditChain.seal(), other.auditChain.seal()]);
    await writing;
    await Promise.all([app.auditChain.seal(), other.auditChain.seal()]);
    const [row] = await sql(
      "select count(*)::int as all, count(distinct position)::int as placed, min(position)::int as first, max(position)::int as last from audit_log",
    );
    expect(row).toMatchObject({ placed: row?.all, first: 1, last: row?.all });
    expect(await verify()).toMatchObject({ isIntact: true, entries: row?.all, unsealed: 0, faults: [] });
  });

  test("does nothing when nothing is open", async () => {
    await app.auditChain.seal();
    const before = await verify();
    expect(await app.auditChain.seal()).toBe(0);
    expect((await verify()).last).toEqual(before.last);
  });

  test("takes an entry whose transaction ends only after later ones were sealed", async () => {
    let letGo = (): void => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    let isWritten = (): void => {};
    const written = new Promise<void>((resolve) => {
      isWritten = resolve;
    });
    const late = newId();
    const slow = inTransaction(app.database.db, async (tx) => {
      await recordAudit(tx, { action: "setting.changed", targetType: "late", targetId: late });
      isWritten();
      await held;
    });
    await written;
    await record();
    await app.auditChain.seal();
    letGo();
    await slow;
    expect((await verify()).unsealed).toBe(1);
    expect(await app.auditChain.seal()).toBe(1);
    expect(await verify()).toMatchObject({ isIntact: true, unsealed: 0 });
    expect((await list(`targetId=${late}`)).items[0]?.position).toBeGreaterThan(1);
  });
});

describe("verify", () => {
  const columns = [
    ["id", "gen_random_uuid()"],
    ["occurred_at", "occurred_at + interval '1 millisecond'"],
    ["action", "'user.deleted'"],
    ["actor_kind", "'attempt'"],
    ...[
      "actor_id",
      "user_id",
      "actor_name",
      "address",
      "user_agent",
      "request_id",
      "target_type",
      "target_id",
    ].map((name): [string, string] => [name, `coalesce(${name}, '') || 'x'`]),
    ...["before", "after", "detail"].map((name): [string, string] => [name, `'{"z": 2}'`]),
  ] as const;

  test("tells of any field of any entry that somebody who owns the database has changed", async () => {
    await recordMany(5);
    await app.auditChain.seal();
    const rows = await sql("select position from audit_log order by random() limit 3");
    for (const [column, value] of columns)
      for (const { position } of rows) {
        await sql("create table kept as select * from audit_log where position = $1", [position]);
        await tamper(`update audit_log set ${column} = ${value} where position = ${position}`);
        const { isIntact, faults } = await verify();
        expect([column, isIntact, faults[0]?.kind]).toEqual([column, false, "entry_changed"]);
        await tamper(
          `delete from audit_log where position = ${position}`,
          "insert into audit_log select * from kept",
          "drop table kept",
        );
      }
    expect((await verify()).isIntact).toBe(true);
  });

  test("tells of entries and seals that were removed, put in, or moved", async () => {
    await recordMany(5);
    await app.auditChain.seal();
    const last = (await verify()).entries;
    await sql("create table kept_entries as select * from audit_log");
    await sql("create table kept_seals as select * from audit_seals");
    const attacks: [string, string][] = [
      [`delete from audit_log where position = ${last - 2}`, "entry_missing"],
      [`delete from audit_log where position > ${last - 5}`, "entry_missing"],
      [
        `insert into audit_log (id, position, action, actor_kind, target_type) values (gen_random_uuid(), ${last + 1}, 'user.deleted', 'system', 'user')`,
        "entry_unexpected",
      ],
      [
        "insert into audit_log (id, position, action, actor_kind, target_type) values (gen_random_uuid(), 0, 'user.deleted', 'system', 'user')",
        "entry_unexpected",
      ],
      [
        `update audit_log set position = case position when ${last} then ${last - 1} + 100000 else ${last} + 100000 end where position in (${last}, ${last - 1});
         update audit_log set position = position - 100000 where position > 100000`,
        "entry_changed",
      ],
      ["delete from audit_seals where number = 1", "seal_missing"],
      ["update audit_seals set sealed_at = sealed_at + interval '1 second' where number = 1", "seal_changed"],
      [
        "insert into audit_seals select number + 1, 'removal', 1, 1, digest, digest, digest, now() from audit_seals order by number desc limit 1",
        "seal_changed",
      ],
    ];
    for (const [attack, kind] of attacks) {
      await tamper(attack);
      const { isIntact, faults } = await verify();
      expect([attack, isIntact, faults.map((fault) => fault.kind)]).toEqual([
        ...[attack, false],
        expect.arrayContaining([kind]),
      ]);
      await tamper(
        "delete from audit_log",
        "insert into audit_log select * from kept_entries",
        "delete from audit_seals",
        "insert into audit_seals select * from kept_seals",
      );
    }
    expect((await verify()).isIntact).toBe(true);
  });

  test("with a seal that was noted down, tells that the end of the log was cut off", async () => {
    await record();
    await app.auditChain.seal();
    const noted = (await verify()).last;
    const query = `?sealNumber=${noted?.number}&sealDigest=${noted?.digest}`;
    expect((await verify(query)).isIntact).toBe(true);
    await sql("create table cut_seals as select * from audit_seals order by number desc limit 1");
    await sql("create table cut_entries as select * from audit_log order by position desc limit 1");
    await tamper(
      "delete from audit_log where id in (select id from cut_entries)",
      "delete from audit_seals where number in (select number from cut_seals)",
    );
    expect((await verify()).isIntact).toBe(true);
    expect((await verify(query)).faults[0]?.kind).toBe("seal_missing");
    await tamper(
      "insert into audit_log select * from cut_entries",
      "insert into audit_seals select * from cut_seals",
    );
    expect((await verify(query)).isIntact).toBe(true);
  });
});

describe("the export", () => {
  test("is one JSON object a line, whatever a user agent, an address or a reason holds", async () => {
    const breaks = [
      "\r\n",
      "\n",
      "\r",
      "\u0085",
      "\u2028",
      "\u2029",
      "\u000b",
      "\u000c",
      "\u001b[2K",
      '"}\n{"',
      "\\n",
    ];
    const forged = `{"type":"entry","action":"user.deleted"}`;
    const origin = (text: string) => ({ address: text, userAgent: text, requestId: text });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...breaks), { minLength: 1, maxLength: 4 }),
        async (parts) => {
          const text = `curl${parts.join(forged)}${forged}`;
          await record({
            origin: origin(text),
            detail: { reason: text },
            who: { kind: "user", id: "u", name: text },
          });
        },
      ),
      { seed: 1, numRuns: 20 },
    );
    const { text, lines, response } = await exported();
    expect(response.headers.get("content-type")).toBe("application/x-ndjson");
    const [row] = await sql(
      "select (select count(*) from audit_log)::int + (select count(*) from audit_seals)::int as count",
    );
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    const everyBreak = /\r\n|[\n\r\u000b\u000c\u001c-\u001e\u0085\u2028\u2029]/;
    expect(text.trimEnd().split(everyBreak)).toHaveLength(row?.count);
    expect(lines.filter(({ action }) => action === "user.deleted")).toEqual([]);
  });

  test("holds everything that was committed before, and can be verified without the database", async () => {
    await record();
    const { lines } = await exported();
    const verifier = new AuditVerifier();
    for (const { type, ...one } of lines)
      if (type === "seal") verifier.seal(one as AuditSeal);
      else verifier.entry(auditEntrySchema.parse(one));
    const own = await verify();
    expect(verifier.finish()).toEqual({ ...own, unsealed: 0 });
    expect(lines.at(-2)).toMatchObject({ action: "audit.exported", userAgent: "node", actorKind: "user" });
  });

  test("with a filter holds what matches, and no seals", async () => {
    const targetId = newId();
    await record({ targetId });
    await record({ targetId, action: "policy.changed" });
    expect((await exported(`?targetId=${targetId}`)).lines).toMatchObject([
      { type: "entry", action: "setting.changed" },
      { type: "entry", action: "policy.changed" },
    ]);
    expect((await exported(`?targetId=${targetId}&action=policy.changed`)).lines).toHaveLength(1);
    expect((await exported(`?targetId=${targetId}&until=2020-01-01T00:00:00Z`)).text).toBe("");
  });
});

test("the list is read page by page, newest first, and filtered by time, actor, action and target", async () => {
  const targetId = newId();
  for (let count = 0; count < 5; count += 1) await record({ targetId, detail: { count } });
  const first = await list(`targetId=${targetId}&limit=3`);
  const second = await list(`targetId=${targetId}&limit=3&after=${first.next}`);
  const counts = [...first.items, ...second.items].map(({ detail }) => detail?.count);
  expect([counts, second.next]).toEqual([[4, 3, 2, 1, 0], null]);
  const who = { kind: "api_key", id: "k1", userId: "u9" };
  await record({ targetId, who, action: "task.cancelled" });
  for (const filter of ["actorId=k1", "userId=u9", "action=task.cancelled", "targetType=setting"])
    expect((await list(`targetId=${targetId}&${filter}`)).items.length).toBe(
      filter.startsWith("target") ? 6 : 1,
    );
  expect((await list(`targetId=${targetId}&until=2020-01-01T00:00:00Z`)).items).toEqual([]);
  expect((await list(`targetId=${targetId}&from=2020-01-01T00:00:00Z`)).items).toHaveLength(6);
});

describe("the retention", () => {
  test("removes the entries of seals that are old enough, states it in the chain, and verify still holds", async () => {
    await using aged = await buildTestApp();
    const query = async (text: string, values: unknown[] = []) =>
      (await aged.database.pool.query(text, values)).rows;
    const write = async (count: number) => {
      for (let done = 0; done < count; done += 1)
        await recordAudit(aged.database.db, { action: "setting.changed", targetType: "setting" });
      await aged.auditChain.seal();
    };
    const check = async () =>
      (await aged.request<AuditVerification>("GET", "/api/v1/audit-log/verification")).body;
    /** Makes the chain anew as if every seal had been set so many days earlier than it was. */
    const age = async (days: number) => {
      await query("alter table audit_seals disable trigger all");
      let previousDigest = noDigest;
      for await (const seal of eachSeal(aged.database.db)) {
        const sealedAt = new Date(Date.parse(seal.sealedAt) - days * 86_400_000).toISOString();
        const digest = sealDigest({ ...seal, previousDigest, sealedAt });
        await query(
          "update audit_seals set sealed_at = $1, previous_digest = $2, digest = $3 where number = $4",
          [...[sealedAt, previousDigest, digest, seal.number]],
        );
        previousDigest = digest;
      }
      await query("alter table audit_seals enable trigger all");
    };

    // The keys of this machine are entries too.
    await write(0);
    const own = (await check()).entries;
    await write(2);
    await age(20);
    await write(3);
    await age(9);
    expect(await aged.auditChain.removeOld(30)).toBe(0);
    await age(2);
    await recordAudit(aged.database.db, { action: "setting.changed", targetType: "setting" });
    expect(await aged.auditChain.removeOld(30)).toBe(own + 2);
    const positions = (await query("select position from audit_log order by position")).map(
      ({ position }) => position,
    );
    expect(positions).toEqual([own + 3, own + 4, own + 5, null].map((one) => one && String(one)));
    expect(await check()).toMatchObject({ isIntact: true, removed: own + 2, entries: 3, unsealed: 1 });
    await aged.auditChain.seal();
    expect(await aged.auditChain.removeOld(30)).toBe(0);
    await age(60);
    expect(await aged.auditChain.removeOld(30)).toBe(4);
    expect(await check()).toMatchObject({ isIntact: true, removed: own + 6, entries: 0, faults: [] });
    // What comes afterwards goes on where it ended.
    await write(1);
    expect(await check()).toMatchObject({ isIntact: true, removed: own + 6, entries: 1, faults: [] });
    await expect(query("delete from audit_log")).rejects.toMatchObject({ code: "23001" });
    await expect(query("delete from audit_seals")).rejects.toMatchObject({ code: "23001" });
  });
});
