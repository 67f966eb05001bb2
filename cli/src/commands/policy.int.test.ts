import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "@agentvine/client";
import { endpoints, type PolicyDetail, type PolicySimulation } from "@agentvine/contracts";
import { type BackendProcess, createRepository, startBackend, useTempDir } from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exitCodes } from "../exit-code.ts";
import { handWorker } from "../testing/hand-worker.ts";
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

  /** An agent of a new task asks for leave for each of these. */
  async function askToRun(commands: readonly string[]): Promise<void> {
    const { url: baseUrl, token } = backend;
    const client = createClient({ baseUrl, token });
    const worker = await handWorker(baseUrl, token);
    const { path } = await createRepository(join(directory(), "shop"), { "a.txt": "a\n" });
    await client.call(endpoints.tasks.create, {
      body: { title: "Mend it", type: "bugfix", repositoryUrl: path },
    });
    const { workOrder, attempt, attemptToken } = await worker.claim();
    for (const command of commands) {
      const call = { tool: "run_command", toolClass: "command", arguments: { command }, command } as const;
      await client.call(endpoints.workerRequests.raise, {
        token: attemptToken,
        body: {
          ...{ workOrderId: workOrder.id, attempt, callId: command, kind: "approval", question: command },
          approval: { subject: "tool_call", ...call, paths: [] },
        },
      });
    }
  }

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

  test("a policy is tried on what was really asked: what it would decide, how long that waits, and by which rule", async () => {
    const rules = (rule: string) => `rules:\n  - { id: people, effect: human${rule} }\n`;
    await run("apply", await write("people.yaml", rules("")));
    await askToRun(["npm test", "npm publish"]);
    const simulate = async (yaml: string, ...flags: string[]) => {
      const { code, stdout } = await run("simulate", await write("tried.yaml", yaml), ...flags);
      expect(code).toBe(exitCodes.ok);
      return stdout;
    };
    const { version } = await active();
    const decided = await simulate(`${rules("")}  - { id: no, effect: deny, commands: ["npm publish"] }\n`);
    expect(decided).toMatch(new RegExp(`what\\s+version ${version}\\s+this policy\\s+change`));
    expect(decided).toMatch(/approval\s+npm publish\s+human \(people\)\s+deny \(no\)\s+effect/);
    expect(decided).not.toContain("npm test");
    expect(decided).toContain("2 past requests looked at, 1 would be decided differently\n");
    const handled = await simulate(rules(", deadlineSeconds: 60"));
    expect(handled).toMatch(
      /npm test\s+human \(people\), 86400 s, then deny\s+human \(people\), 60 s, then deny\s+handling/,
    );
    expect(handled).toContain("2 would be decided differently, 2 of them only in deadline or escalation");
    const renamed = await simulate("rules:\n  - { id: others, effect: human }\n");
    expect(renamed).toMatch(/npm test\s+human \(people\)\s+human \(others\)\s+rule/);
    expect(renamed).toContain(
      "0 would be decided differently, 2 alike by another rule or for another reason",
    );
    const all = await simulate(rules(""), "--all", "--limit", "1");
    expect(all).toMatch(/npm publish\s+human \(people\)\s+human \(people\)/);
    expect(all).toContain("1 past requests looked at, 0 would be decided differently; there are older ones");
  });
});
