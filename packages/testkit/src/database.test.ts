import pg from "pg";
import { describe, expect, it } from "vitest";
import { createDatabase, ensureTemplate, testCluster } from "./database.ts";

async function query(url: string, text: string): Promise<pg.QueryResult> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return await client.query(text);
  } finally {
    await client.end();
  }
}

async function databaseNames(): Promise<string[]> {
  const { rows } = await query(testCluster().url, "select datname from pg_database");
  return rows.map(({ datname }) => String(datname));
}

describe("createDatabase", () => {
  it("gives every caller an empty database of its own", async () => {
    const first = await createDatabase();
    const second = await createDatabase();
    await query(first.url, "create table only_here (id int)");
    await expect(query(second.url, "select * from only_here")).rejects.toThrow("does not exist");
    await first.drop();
    await second.drop();
  });

  it("removes the database although somebody is still connected", async () => {
    const database = await createDatabase();
    const client = new pg.Client(database.url);
    client.on("error", () => {});
    await client.connect();
    await database.drop();
    expect(await databaseNames()).not.toContain(new URL(database.url).pathname.slice(1));
  });

  it("copies a template, also while somebody is connected to it", async () => {
    const template = await createDatabase();
    await query(template.url, "create table seeded as select 7 as n");
    const client = new pg.Client(template.url);
    client.on("error", () => {});
    await client.connect();
    const copy = await createDatabase({ template: new URL(template.url).pathname.slice(1) });
    expect((await query(copy.url, "select n from seeded")).rows).toEqual([{ n: 7 }]);
    await copy.drop();
    await template.drop();
  });

  it("fails on a template that does not exist", async () => {
    await expect(createDatabase({ template: "nothing" })).rejects.toThrow("nothing");
  });
});

describe("ensureTemplate", () => {
  it("prepares once although many ask at the same time", async () => {
    let prepared = 0;
    const prepare = async (url: string): Promise<void> => {
      prepared += 1;
      await query(url, "create table seeded (id int)");
    };
    const names = await Promise.all([1, 2, 3, 4].map(() => ensureTemplate("template_once", prepare)));
    expect(new Set(names)).toEqual(new Set(["template_once"]));
    expect(prepared).toBe(1);
    const copies = await Promise.all(names.map((template) => createDatabase({ template })));
    await Promise.all(copies.map(({ url }) => query(url, "insert into seeded values (1)")));
    await Promise.all(copies.map(({ drop }) => drop()));
  });

  it("leaves no template behind when preparing fails, and tries again next time", async () => {
    const failing = ensureTemplate("template_twice", () => Promise.reject(new Error("bad migration")));
    await expect(failing).rejects.toThrow("bad migration");
    expect(await databaseNames()).not.toContain("template_twice");
    await ensureTemplate("template_twice", async () => {});
    expect(await databaseNames()).toContain("template_twice");
  });
});
