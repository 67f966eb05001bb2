import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "@agentvine/client";
import { type ApiKey, endpoints } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { startBackend, tempDir } from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCommand } from "../testing/run-command.ts";

let folder: Awaited<ReturnType<typeof tempDir>>;
let backend: Awaited<ReturnType<typeof startBackend>>;

beforeAll(async () => {
  folder = await tempDir();
  backend = await startBackend();
});
afterAll(async () => {
  await backend?.stop();
  await folder[Symbol.asyncDispose]();
});

const run = (...args: string[]) =>
  runCommand({ serverUrl: backend.url, token: backend.token }, ["key", ...args], {});
const statusWith = async (token: string, path = endpoints.tasks.list.path) =>
  (await fetch(`${backend.url}${path}`, { headers: { authorization: `Bearer ${token}` } })).status;
const workerBody = {
  ...{ name: "build-2", instanceId: newId(), version: "1.0.0", maxConcurrentTasks: 1 },
  capabilities: {
    taskTypes: ["docs" as const],
    labels: [],
    agents: [{ driver: "builtin" as const, model: null, isScripted: true }],
    sandbox: { driver: "none" as const, isConfined: false },
    toolchains: {},
  },
};
const made = async (...args: string[]): Promise<{ apiKey: ApiKey; secret: string }> =>
  JSON.parse((await run("create", ...args, "--json")).stdout);

describe("agentvine key", () => {
  it("makes a key that a worker works with and that opens nothing else; stdout holds the key alone", async () => {
    const { stdout, stderr, code } = await run("create", "build-2", "--for", "worker");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^avk_[\w-]{43}\n$/);
    expect(stderr).toMatch(/"build-2" for worker; it is shown this once/);
    const { worker } = await createClient({ baseUrl: backend.url, token: stdout.trim() }).call(
      endpoints.workers.register,
      { body: workerBody },
    );
    expect(worker.name).toBe("build-2");
    expect(await statusWith(stdout.trim())).toBe(403);
  });

  it("writes a key into a new file that only its owner can read, and leaves no file when there is no key", async () => {
    const file = join(folder.path, "ci.key");
    const { stdout } = await run(
      "create",
      "ci",
      "--permissions",
      "tasks:read",
      "--expires",
      "30d",
      "--out",
      file,
    );
    expect(stdout).toBe(`${file}\n`);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await statusWith((await readFile(file, "utf8")).trim())).toBe(200);
    const again = await run("create", "ci", "--permissions", "tasks:read", "--out", file);
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining("it exists already")]);
    const none = join(folder.path, "none.key");
    expect((await run("create", "x".repeat(500), "--for", "worker", "--out", none)).code).not.toBe(0);
    await expect(stat(none)).rejects.toThrow("ENOENT");
  });

  it("lists what works, shows no secret, and rotates and revokes by the end of an id", async () => {
    const { apiKey, secret } = await made("old", "--permissions", "tasks:read");
    const short = apiKey.id.slice(-8);
    const rotated = await run("rotate", short, "--overlap", "0s");
    const next = rotated.stdout.trim();
    expect([await statusWith(secret), await statusWith(next)]).toEqual([401, 200]);
    const list = await run("list");
    expect(list.stdout).toMatch(/old +avk_\S{8} +tasks:read +\S+ +works/);
    expect(list.stdout).not.toContain(short);
    expect((await run("list", "--all")).stdout).toContain(short);
    for (const text of [list.stdout, list.stderr]) expect(text).not.toContain(next);
    const { items }: { items: ApiKey[] } = JSON.parse((await run("list", "--json")).stdout);
    const id = items.find(({ rotatedFromId }) => rotatedFromId === apiKey.id)?.id ?? "";
    expect((await run("revoke", id.slice(-8))).stdout).toBe(`revoked ${id} "old"\n`);
    expect(await statusWith(next)).toBe(401);
  });

  it.each([
    [["create", "x"], "say either --for"],
    [["create", "x", "--for", "worker", "--permissions", "tasks:read"], "say either --for"],
    [["create", "x", "--for", "boss"], "--for takes worker or controller"],
    [["create", "x", "--permissions", "tasks:read,tasks:eat"], '"tasks:eat" is none of public'],
    [["create", "x", "--for", "worker", "--expires", "soon"], "--expires takes a duration such as 45m"],
    [["rotate", "deadbeef"], "there is no key deadbeef"],
    [["rotate", "no id"], '"no id" is no key id'],
  ])("says what is wrong with %j", async (args, message) => {
    const { code, stderr } = await run(...args);
    expect(code).not.toBe(0);
    expect(stderr).toContain(message);
  });

  it("keeps the file that was there", async () => {
    const file = join(folder.path, "kept.key");
    await writeFile(file, "mine");
    await run("create", "x", "--for", "worker", "--out", file);
    expect(await readFile(file, "utf8")).toBe("mine");
  });
});
