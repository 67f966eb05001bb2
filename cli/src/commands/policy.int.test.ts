import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PolicyDetail, PolicySimulation } from "@agentvine/contracts";
import { type BackendProcess, startBackend, useTempDir } from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exitCodes } from "../exit-code.ts";
import { runCommand } from "../testing/run-command.ts";

const directory = useTempDir();
const write = async (name: string, text: string): Promise<string> => {
  const file = join(directory(), name);
  await writeFile(file, text);
  return file;
};
const good = `rules:
  - { id: tests, effect: allow, commands: ["npm test"] }
`;
const bad = `rules:
  - id: tests
    effect: allow
    when: task.typo == "x"
    commands: ["sudo *"]
`;

describe("policy check", () => {
  test("says nothing is wrong, and that in JSON too", async () => {
    const file = await write("good.yaml", good);
    expect(await runCommand({}, ["policy", "check", file])).toMatchObject({
      code: exitCodes.ok,
      stdout: `${file}: 1 rule, nothing wrong\n`,
    });
    const { stdout } = await runCommand({}, ["policy", "check", file, "--json"]);
    expect(JSON.parse(stdout)).toEqual({ isValid: true, rules: 1, issues: [] });
  });

  test("names every problem with file, line, column and rule, and fails", async () => {
    const file = await write("bad.yaml", bad);
    const { code, stdout } = await runCommand({}, ["policy", "check", file]);
    expect(code).toBe(exitCodes.failed);
    expect(stdout.trimEnd().split("\n")).toEqual([
      `${file}:4:16: rule tests: No such key: typo`,
      `${file}:5:17: rule tests: sudo runs any other command: spell out all of it`,
    ]);
  });

  test("of a file that is not there is a mistake of the command line", async () => {
    const { code, stderr } = await runCommand({}, ["policy", "check", join(directory(), "nowhere")]);
    expect(code).toBe(exitCodes.usage);
    expect(stderr).toContain("can't be read");
  });
});

describe("against a backend", () => {
  let backend: BackendProcess;
  beforeAll(async () => {
    backend = await startBackend();
  });
  afterAll(() => backend.stop());
  const run = (...args: string[]) =>
    runCommand({ serverUrl: backend.url, token: backend.token }, ["policy", ...args]);
  const active = async () => {
    const shown = await run("show", "--json");
    expect(shown).toMatchObject({ code: exitCodes.ok, stderr: "" });
    return JSON.parse(shown.stdout) as PolicyDetail;
  };

  test("a policy is shown, applied with what changed, listed and rolled back", async () => {
    const first = await active();
    const file = await write("next.yaml", good);
    const applied = await run("apply", file, "--comment", "tests may run");
    expect(applied.code).toBe(exitCodes.ok);
    expect(applied.stderr).toContain("+  - { id: tests");
    expect(await active()).toMatchObject({ version: 2, yaml: good, comment: "tests may run" });
    expect((await run("rollback", "1")).code).toBe(exitCodes.ok);
    expect(await active()).toMatchObject({ version: 3, restoresVersion: 1, yaml: first.yaml });
    const { stdout } = await run("history");
    expect(stdout).toContain("3 (active)");
    expect(stdout).toContain("tests may run");
  });

  test("who changes an older version is told, and nothing is overwritten", async () => {
    const file = await write("late.yaml", good);
    const { version } = await active();
    const { code, stderr } = await run("apply", file, "--based-on", "1");
    expect(code).toBe(exitCodes.conflict);
    expect(stderr).toContain("policy.changed");
    expect((await active()).version).toBe(version);
  });

  test("a policy is tried on the past before it is applied", async () => {
    const file = await write("tried.yaml", good);
    const { code, stdout, stderr } = await run("simulate", file, "--json");
    expect({ code, stderr }).toMatchObject({ code: exitCodes.ok });
    expect(JSON.parse(stdout) as PolicySimulation).toMatchObject({ considered: 0, changed: 0, items: [] });
    expect((await run("simulate", file)).stdout).toContain("0 past requests looked at");
    expect((await run("simulate", await write("bad2.yaml", bad))).code).toBe(exitCodes.usage);
  });
});
