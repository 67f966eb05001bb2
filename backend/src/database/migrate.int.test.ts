import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Health, Task } from "@agentvine/contracts";
import { useTempDir, waitUntil } from "@agentvine/testkit";
import pg from "pg";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { TestResponse } from "../testing/build-test-app.ts";
import { buildWorkFixture, type WorkFixture } from "../testing/work-fixture.ts";
import { migrateDatabase } from "./migrate.ts";

const ownFolder = fileURLToPath(new URL("../../migrations", import.meta.url));
const tempDir = useTempDir();
let work: WorkFixture;

beforeAll(async () => {
  work = await buildWorkFixture();
});
afterAll(() => work.close());

let planted = 0;
/** The migrations of a newer version: ours and one more. */
async function newerVersion(...statements: string[]): Promise<string> {
  planted += 1;
  const folder = join(tempDir(), `migrations-${planted}`);
  await cp(ownFolder, folder, { recursive: true });
  const journalFile = join(folder, "meta/_journal.json");
  const journal = JSON.parse(await readFile(journalFile, "utf8"));
  const tag = `9999_planted_${planted}`;
  const when = Date.now() + planted;
  journal.entries.push({ idx: journal.entries.length, version: "7", when, tag, breakpoints: true });
  await writeFile(journalFile, JSON.stringify(journal));
  await writeFile(join(folder, `${tag}.sql`), statements.join("\n--> statement-breakpoint\n"));
  return folder;
}

const columnsNamed = async (name: string): Promise<number> =>
  (
    await work.sql("select from information_schema.columns where table_name = 'tasks' and column_name = $1", [
      name,
    ])
  ).length;
const ready = () => work.app.request<Health>("GET", "/health/ready", { token: null });

/** A transaction of somebody else that has a table in use, until told. */
async function holdTasks(): Promise<() => Promise<void>> {
  const client = new pg.Client(work.app.databaseUrl);
  await client.connect();
  await client.query("begin; lock table tasks in access share mode");
  let isHeld = true;
  const free = async (): Promise<void> => {
    if (isHeld) await client.end();
    isHeld = false;
  };
  onTestFinished(free);
  return free;
}

/** As workers do it: what may be tried again is tried again. */
async function untilTaken<T>(send: () => Promise<TestResponse<T>>): Promise<TestResponse<T>> {
  for (;;) {
    const answer = await send();
    if (!answer.headers.has("retry-after")) return answer;
  }
}

test("a failed migration leaves the schema as it was and says why in one line", async () => {
  const folder = await newerVersion("alter table tasks add column half text;", "select 1 / 0;");
  const error: unknown = await migrateDatabase(work.app.databaseUrl, { folder }).catch((caught) => caught);
  expect(error).toMatchObject({
    code: "database.migration_failed",
    message: expect.stringMatching(
      /^The database test_\w+ could not be .*: division by zero\. Nothing was changed\.$/,
    ),
  });
  expect(await columnsNamed("half")).toBe(0);
  expect((await ready()).body.components.migrations?.status).toBe("up");
});

test("a migration that finds a table in use lets everybody else use it meanwhile, and gives up in the end", async () => {
  const free = await holdTasks();
  const folder = await newerVersion("alter table tasks add column later text;");
  const told: string[] = [];
  const waiting = { folder, onWait: (reason: string) => void told.push(reason), lockMsMax: 100 };
  await expect(
    migrateDatabase(work.app.databaseUrl, { ...waiting, lockTriesMsMax: 0 }),
  ).rejects.toMatchObject({
    code: "database.busy",
    message: expect.stringMatching(/lock timeout.*Nothing was changed\.$/),
  });
  expect(await columnsNamed("later")).toBe(0);

  const migrated = migrateDatabase(work.app.databaseUrl, waiting);
  await waitUntil(() => told.length > 0);
  const startedMs = performance.now();
  for (let n = 0; n < 5; n += 1) await work.createTask();
  expect(performance.now() - startedMs, "a request waits no longer than the migration does").toBeLessThan(
    3_000,
  );
  await free();
  await migrated;
  expect(await columnsNamed("later")).toBe(1);
  expect(told[0]).toBe("a migration waits for a table that somebody holds");
});

test("a newer version migrates while an older one serves: no work is lost, and the older says that it is behind", async () => {
  const done = new Set<string>();
  const tasks: Task[] = [];
  let isMigrated = false;
  let isAllQueued = false;
  const serve = async (): Promise<void> => {
    const worker = await work.registerWorker();
    for (;;) {
      const { status, body: claim } = await untilTaken(() => work.claim(worker));
      if (status === 204 && isAllQueued) return;
      if (status === 204) continue;
      expect(status).toBe(200);
      const result = await work.runResult(claim);
      expect((await untilTaken(() => work.complete(claim, result))).status).toBe(200);
      done.add(claim.task.id);
    }
  };
  /** There is work before, while and after the schema changes. */
  const queue = async (): Promise<void> => {
    const body = { title: "Mend it", type: "bugfix", repositoryUrl: work.repositoryPath };
    while (!isMigrated) {
      const { status, body: task } = await untilTaken(() =>
        work.app.request<Task>("POST", "/api/v1/tasks", { body }),
      );
      expect(status).toBe(201);
      tasks.push(task);
      await waitUntil(() => tasks.length - done.size < 5);
    }
    isAllQueued = true;
  };
  const serving = Promise.all([serve(), serve(), serve(), queue()]);
  await waitUntil(() => done.size > 3);
  const folder = await newerVersion(
    "alter table tasks add column planted text not null default '';",
    "create index tasks_planted_idx on tasks (planted);",
    "alter table work_orders add column planted text;",
    "alter table events add column planted text;",
  );
  await migrateDatabase(work.app.databaseUrl, { folder });
  const doneBefore = done.size;
  await waitUntil(() => done.size > doneBefore + 3);
  isMigrated = true;
  await serving;
  for (const { id } of tasks) {
    expect((await work.getTask(id)).status).toBe("in_review");
    expect((await work.history(id)).filter((type) => type === "work_order.completed")).toHaveLength(1);
  }
  const { status, body } = await ready();
  expect([status, body.status, body.components.migrations]).toMatchObject([
    200,
    "degraded",
    { detail: "a newer version has migrated the database: update this backend too" },
  ]);
});
