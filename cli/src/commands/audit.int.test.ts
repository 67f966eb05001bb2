import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
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
  runCommand({ serverUrl: backend.url, token: backend.token }, ["audit", ...args], {});
const sealFrom = (stdout: string) => stdout.trimEnd().split("\n").at(-1) ?? "";

describe("agentvine audit", () => {
  it("exports into a new file that only its owner can read, and verifies it without the backend", async () => {
    const file = join(folder.path, "audit.jsonl");
    expect((await run("export", "--out", file)).code).toBe(0);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const again = await run("export", "--out", file);
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining("it exists already")]);
    const good = await run("verify", "--file", file);
    expect([good.code, good.stdout]).toEqual([
      0,
      expect.stringMatching(/^intact: \d+ entries under \d+ seals/),
    ]);
    const seal = sealFrom(good.stdout);
    expect((await run("verify", "--seal", seal)).code).toBe(0);
    await writeFile(file, (await readFile(file, "utf8")).replace("audit.exported", "user.logged_in"));
    const bad = await run("verify", "--file", file);
    expect([bad.code, bad.stdout]).toEqual([1, expect.stringMatching(/^✗ an entry from .*\nBROKEN: /)]);
  });

  it("writes the same lines to stdout, filtered when asked, and lists them", async () => {
    const all = (await run("export")).stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(new Set(all.map(({ type }) => type))).toEqual(new Set(["entry", "seal"]));
    const some = (await run("export", "--action", "audit.exported", "--from", "2026-01-01")).stdout;
    expect(
      some
        .trimEnd()
        .split("\n")
        .every((line) => JSON.parse(line).action === "audit.exported"),
    ).toBe(true);
    const list = await run("list", "--action", "audit.exported");
    expect(list.stdout).toMatch(/audit\.exported +audit_log +user \S+ +127\.0\.0\.1/);
    expect((await run("list", "--target", "nothing")).stdout).toBe("there is no such entry\n");
    const { items } = JSON.parse((await run("list", "--json", "--limit", "1")).stdout);
    expect(items).toHaveLength(1);
  });

  it("says with exit 1 that a seal which was noted down is gone", async () => {
    const { code, stdout } = await run("verify", "--seal", `1000000:${"0".repeat(64)}`);
    expect([code, stdout]).toEqual([
      1,
      expect.stringContaining("seal 1000000, which was noted down, is gone"),
    ]);
    const json = await run("verify", "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({ isIntact: true, faults: [] });
  });

  it.each([
    [["list", "--action", "user.eaten"], 'nothing is called "user.eaten"'],
    [["list", "--from", "soon"], "--from takes a moment such as"],
    [["verify", "--seal", "7"], "--seal takes what verify printed"],
    [["verify", "--file", "/nonexistent/log"], "--file /nonexistent/log: ENOENT"],
    [["verify", "--file", import.meta.filename], "line 1 is no entry of an exported audit log"],
  ])("says what is wrong with %j", async (args, message) => {
    const { code, stderr } = await run(...args);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  });
});
