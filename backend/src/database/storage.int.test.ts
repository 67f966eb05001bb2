import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { chmod, mkdir, readdir, rm, stat, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ErrorResponse, Health, Task } from "@agentvine/contracts";
import { tempDir, testCluster, waitUntil } from "@agentvine/testkit";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { buildWorkFixture, type WorkFixture } from "../testing/work-fixture.ts";

const run = promisify(execFile);

/** Somebody with all rights on the test server; ended when the test is over. */
async function openAdmin(): Promise<pg.Client> {
  const admin = new pg.Client(testCluster().url);
  await admin.connect();
  onTestFinished(() => admin.end());
  return admin;
}

/** A file system of a few megabytes, or undefined where none can be mounted. */
async function mountSmallDisk(
  sizeMegabytes: number,
  owner?: { uid: number; gid: number },
): Promise<string | undefined> {
  const dir = await tempDir("agentvine-small-disk-");
  await chmod(dir.path, 0o755);
  const path = join(dir.path, "disk");
  await mkdir(path);
  const rights = owner === undefined ? "" : `,uid=${owner.uid},gid=${owner.gid},mode=700`;
  const isMounted = await run("mount", [
    "-t",
    "tmpfs",
    "-o",
    `size=${sizeMegabytes}m${rights}`,
    "tmpfs",
    path,
  ]).then(
    () => true,
    () => false,
  );
  onTestFinished(async () => {
    if (isMounted) await run("umount", ["-l", path]);
    await dir[Symbol.asyncDispose]();
  });
  if (!isMounted) process.stderr.write("SKIPPED: a small file system can't be mounted here\n");
  return isMounted ? path : undefined;
}

/** Fills the disk up to a rest; returns how to give the room back. */
async function fill(disk: string, leftBytes: number): Promise<() => Promise<void>> {
  const { bavail, bsize } = await statfs(disk);
  const ballast = join(disk, "ballast");
  await writeFile(ballast, Buffer.alloc(Math.max(0, bavail * bsize - leftBytes)));
  return () => rm(ballast);
}

const codeOf = (body: unknown): string | undefined => (body as Partial<ErrorResponse>).error?.code;

test("a database whose disk is full acknowledges nothing that is not kept, says so, and goes on when there is room", async ({
  skip,
}) => {
  const admin = await openAdmin();
  const { rows } = await admin.query<{ data_directory: string }>("show data_directory");
  const disk = await mountSmallDisk(64, await stat(rows[0]?.data_directory ?? ""));
  if (disk === undefined) return skip();
  const space = `small_${randomBytes(4).toString("hex")}`;
  await admin.query(`create tablespace ${space} location '${disk}'`);
  let work: WorkFixture | undefined;
  onTestFinished(async () => {
    await work?.close();
    await admin.query(`drop tablespace ${space}`);
  });
  const through = async (url: string): Promise<string> => {
    await admin.query(`alter database ${new URL(url).pathname.slice(1)} set tablespace ${space}`);
    return url;
  };
  work = await buildWorkFixture({}, { through });
  const fixture = work;
  const worker = await fixture.registerWorker({ slots: 50 });
  const early = await fixture.createTask();
  const claim = await fixture.mustClaim(worker);
  const result = await fixture.runResult(claim);

  const makeRoom = await fill(disk, 1_000_000);
  const create = (n: number) =>
    fixture.app.request<Task>("POST", "/api/v1/tasks", {
      body: {
        title: `Task ${n}`,
        type: "bugfix",
        repositoryUrl: fixture.repositoryPath,
        description: randomBytes(40_000).toString("hex"),
      },
    });
  const kept: string[] = [];
  const refusal = await (async () => {
    for (let n = 0; n < 200; n += 1) {
      const answer = await create(n);
      if (answer.status !== 201) return answer;
      kept.push(answer.body.id);
    }
    throw new Error("the disk never got full");
  })();
  expect([refusal.status, codeOf(refusal.body)]).toEqual([503, "storage.full"]);
  expect(Number(refusal.headers.get("retry-after"))).toBeGreaterThan(0);
  expect((await fixture.app.request("GET", "/health/live", { token: null })).status).toBe(200);
  // Either it is kept or it is refused; what comes after shows which.
  const finished = await fixture.complete(claim, result);
  expect([200, 503]).toContain(finished.status);
  if (finished.status === 200) expect((await fixture.getTask(early.id)).status).toBe("in_review");

  await makeRoom();
  await waitUntil(async () => (await create(1_000)).status === 201);
  for (const id of kept) expect((await fixture.getTask(id)).id).toBe(id);
  expect((await fixture.complete(claim, result)).status).toBe(200);
  expect((await fixture.getTask(early.id)).status).toBe("in_review");
}, 60_000);

test("a read-only database refuses changes with a code of its own and is not ready; reads go on, and changes when it takes them again", async () => {
  const admin = await openAdmin();
  const work = await buildWorkFixture();
  onTestFinished(() => work.close());
  await work.createTask();
  const name = new URL(work.app.databaseUrl).pathname.slice(1);
  const setReadOnly = async (value: "on" | "off"): Promise<void> => {
    await admin.query(`alter database ${name} set default_transaction_read_only = ${value}`);
  };
  const body = { title: "Mend it", type: "bugfix", repositoryUrl: work.repositoryPath };
  const create = () => work.app.request<Task>("POST", "/api/v1/tasks", { body });
  const ready = () => work.app.request<Health>("GET", "/health/ready", { token: null });

  await setReadOnly("on");
  await admin.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", [name]);
  const refused = await waitUntil(async () => {
    const answer = await create();
    return codeOf(answer.body) === "database.read_only" ? answer : undefined;
  });
  expect(refused.status).toBe(503);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect((await work.app.request("GET", "/api/v1/tasks")).status).toBe(200);
  const found = await ready();
  expect([found.status, found.body.components.database]).toMatchObject([
    503,
    { status: "down", detail: "read-only: nothing can be changed" },
  ]);

  // The connections that were made meanwhile would stay read-only for as long as they live: a refused change gives up its own.
  const { db, pool } = work.app.database;
  await waitUntil(async () => {
    await expect(
      db.transaction((tx) => tx.execute("update settings set value = value")),
    ).rejects.toMatchObject({ cause: { code: "25006" } });
    return pool.totalCount === 0;
  });
  await setReadOnly("off");
  await waitUntil(async () => (await ready()).status === 200);
  await waitUntil(async () => (await create()).status === 201);
});

test("an upload for which there is no room leaves neither bytes nor a row, and what fits is taken", async ({
  skip,
}) => {
  const home = await mountSmallDisk(1);
  if (home === undefined) return skip();
  const work = await buildWorkFixture({ home });
  onTestFinished(() => work.close());
  await work.createTask();
  const claim = await work.mustClaim(await work.registerWorker());
  const path = `/api/v1/executions/${claim.executionId}/artifacts`;
  const upload = async (bytes: Buffer) => {
    const query = new URLSearchParams({
      kind: "other",
      name: "a",
      digest: createHash("sha256").update(bytes).digest("hex"),
    });
    const response = await fetch(`${work.app.url}${path}?${query}`, {
      method: "PUT",
      headers: { authorization: `Bearer ${claim.attemptToken}` },
      body: bytes,
    });
    return { status: response.status, headers: response.headers, body: await response.json() };
  };
  const files = async () =>
    (await readdir(join(home, "blobs"), { recursive: true })).filter((name) => /[0-9a-f-]{36}/.test(name));

  const refused = await upload(Buffer.alloc(3_000_000, "x"));
  expect([refused.status, codeOf(refused.body)]).toEqual([503, "storage.full"]);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(await files()).toEqual([]);
  expect(await work.sql("select 1 from artifacts where execution_id = $1", [claim.executionId])).toEqual([]);
  expect((await upload(Buffer.alloc(100_000, "y"))).status).toBe(201);
  expect(await files()).toHaveLength(1);
});
