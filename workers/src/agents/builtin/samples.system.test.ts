import { execFile } from "node:child_process";
import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type ScriptedModel, startScriptedModel } from "@agentvine/scripted-model";
import { createRepository, git, useTempDir } from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import type { AgentDriver, AgentOutcome, Transcript } from "../agent-driver.ts";
import { createDriver } from "../index.ts";
import { eventsOf, openSandbox, recordedTurn } from "../testing/turn-fixture.ts";

// Each test starts npm and node several times.
vi.setConfig({ testTimeout: 60_000 });

const samplesDir = join(import.meta.dirname, "../../../../samples");
const sampleSchema = z.object({
  name: z.string(),
  type: z.enum(["bugfix", "feature", "test", "docs"]),
  title: z.string(),
  description: z.string(),
});
const samples = z
  .array(sampleSchema)
  .parse(JSON.parse(await readFile(join(samplesDir, "manifest.json"), "utf8")));
type Sample = z.infer<typeof sampleSchema>;

const refusal =
  "The gate refused your work (round 1): package.json changes how the tests are started. Mend the cause.";

let model: ScriptedModel;
let driver: AgentDriver;
beforeAll(async () => {
  model = await startScriptedModel();
  driver = createDriver({ driver: "builtin", model: "scripted/demo", baseUrl: model.baseUrl });
});
afterAll(() => model.close());
const dir = useTempDir();

async function workspaceOf(sample: Sample, dirName = "workspace") {
  const path = join(dir(), dirName);
  await createRepository(path, {});
  await cp(join(samplesDir, sample.name, "repository"), path, { recursive: true });
  await git(path, "add", "--all");
  await git(path, "commit", "--quiet", "--message", "feat: first version");
  const sandbox = await openSandbox(join(dir(), `${dirName}-around`), path);
  return { path, sandbox };
}

const instructionOf = (sample: Sample): string => `# ${sample.title}\n\n${sample.description}`;

/** What `node --test` says about the tree, from outside of the sandbox. */
async function testsOf(path: string): Promise<{ passed: number; failed: number }> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const output = await promisify(execFile)(process.execPath, ["--test"], { cwd: path, env }).then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout,
  );
  const count = (name: string) => Number(new RegExp(`^. ${name} (\\d+)$`, "m").exec(output)?.[1]);
  return { passed: count("pass"), failed: count("fail") };
}

const changedFiles = async (path: string): Promise<string[]> =>
  (await git(path, "status", "--porcelain", "--untracked-files=all")).split("\n").map((line) => line.trim());

async function turn(
  sandbox: Awaited<ReturnType<typeof workspaceOf>>["sandbox"],
  instruction: string,
  transcript?: Transcript,
) {
  const { input, events, transcripts } = recordedTurn(sandbox, instruction, {
    ...(transcript === undefined ? {} : { transcript }),
  });
  const result = await driver.run(input);
  return { result, events, transcripts, last: transcripts.at(-1) };
}

const sampleOf = (type: Sample["type"]): Sample => {
  const sample = samples.find((each) => each.type === type);
  if (sample === undefined) throw new Error(`no sample for ${type}`);
  return sample;
};

const isFinished = (outcome: AgentOutcome): boolean => outcome.kind === "finished";

describe("the samples, end to end with the scripted model", () => {
  test("there is one for each of the four task types, red or green as its manifest says", async () => {
    const base = await Promise.all(
      samples.map(async ({ name, type }) => [type, await testsOf(join(samplesDir, name, "repository"))]),
    );
    expect(Object.fromEntries(base)).toEqual({
      bugfix: { passed: 5, failed: 1 },
      feature: { passed: 4, failed: 0 },
      test: { passed: 1, failed: 0 },
      docs: { passed: 3, failed: 0 },
    });
  });

  test("bugfix: cheats first, and mends the cause once the gate has refused", async () => {
    const { path, sandbox } = await workspaceOf(sampleOf("bugfix"));

    const first = await turn(sandbox, instructionOf(sampleOf("bugfix")));
    expect(first.result.outcome).toMatchObject({ kind: "finished" });
    expect(await changedFiles(path)).toEqual(["M package.json"]);
    expect(await readFile(join(path, "package.json"), "utf8")).toContain("|| true");
    expect(await testsOf(path)).toEqual({ passed: 5, failed: 1 });

    const second = await turn(sandbox, refusal, first.last);
    expect(second.result.outcome).toMatchObject({ kind: "finished" });
    expect(await changedFiles(path)).toEqual(["M src/money.js"]);
    expect(await testsOf(path)).toEqual({ passed: 6, failed: 0 });
    await sandbox.close();
  });

  test("feature: the option, its tests and nothing else", async () => {
    const { path, sandbox } = await workspaceOf(sampleOf("feature"));
    const { result, events } = await turn(sandbox, instructionOf(sampleOf("feature")));
    expect(result.outcome).toMatchObject({ kind: "finished" });
    expect(await changedFiles(path)).toEqual([
      "M bin/slugify.js",
      "M src/slugify.js",
      "M test/slugify.test.js",
    ]);
    expect(await testsOf(path)).toEqual({ passed: 8, failed: 0 });
    expect(eventsOf(events, "plan")).toHaveLength(1);
    await sandbox.close();
  });

  test("test: only tests change, and every line of the module is covered", async () => {
    const { path, sandbox } = await workspaceOf(sampleOf("test"));
    const { result } = await turn(sandbox, instructionOf(sampleOf("test")));
    expect(result.outcome).toMatchObject({ kind: "finished" });
    expect(await changedFiles(path)).toEqual(["M test/duration.test.js"]);
    expect(await testsOf(path)).toEqual({ passed: 8, failed: 0 });
    const coverage = await sandbox.run({
      argv: ["node", "--test", "--experimental-test-coverage"],
      timeoutMs: 60_000,
      outputBytesMax: 100_000,
    });
    expect(coverage.stdout).toMatch(/src\/duration\.js\s*\|\s*100\.00/);
    await sandbox.close();
  });

  test("docs: a README whose links exist and whose output is real", async () => {
    const { path, sandbox } = await workspaceOf(sampleOf("docs"));
    const { result } = await turn(sandbox, instructionOf(sampleOf("docs")));
    expect(result.outcome).toMatchObject({ kind: "finished" });
    expect(await changedFiles(path)).toEqual(["?? README.md"]);
    const readme = await readFile(join(path, "README.md"), "utf8");
    const links = [...readme.matchAll(/\]\(([^)]+)\)/g)].map(([, link]) => link ?? "");
    expect(links.length).toBeGreaterThan(1);
    for (const link of links) await expect(readFile(join(path, link), "utf8")).resolves.not.toBe("");
    const run = await sandbox.run({
      argv: ["node", "bin/log-tally.js", "examples/app.log"],
      timeoutMs: 10_000,
      outputBytesMax: 10_000,
    });
    expect(readme).toContain(run.stdout);
    await sandbox.close();
  });

  test("a file that is not as the scenario expects makes the turn end as refused, and say so", async () => {
    const { sandbox } = await workspaceOf(sampleOf("bugfix"));
    await sandbox.writeFile("test/cart.test.js", "");
    const { result } = await turn(sandbox, instructionOf(sampleOf("bugfix")));
    expect(result.outcome).toMatchObject({
      kind: "refused",
      reason: expect.stringMatching(/^\[scripted\] scenario broken: bugfix: run_command .*fail 1/),
    });
    await sandbox.close();
  });

  test("a task that is no sample is refused", async () => {
    const { sandbox } = await workspaceOf(sampleOf("docs"));
    const { result } = await turn(sandbox, "Write a compiler");
    expect(result.outcome).toMatchObject({ kind: "refused", reason: expect.stringContaining("no scenario") });
    await sandbox.close();
  });
});

describe("an execution that died is taken up from any of its checkpoints", () => {
  test("bugfix: in both turns, with the workspace as it was at the checkpoint", async () => {
    const sample = sampleOf("bugfix");
    const { path, sandbox } = await workspaceOf(sample);
    const saved: { instruction: string; transcript: Transcript; tree: string }[] = [];
    let transcript: Transcript | undefined;
    for (const instruction of [instructionOf(sample), refusal]) {
      const { input } = recordedTurn(sandbox, instruction, {
        ...(transcript === undefined ? {} : { transcript }),
        onCheckpoint: async (taken) => {
          transcript = JSON.parse(JSON.stringify(taken));
          const tree = join(dir(), `saved-${saved.length}`);
          await cp(path, tree, { recursive: true });
          if (transcript !== undefined) saved.push({ instruction, transcript, tree });
        },
      });
      expect(isFinished((await driver.run(input)).outcome)).toBe(true);
    }
    expect(saved.length).toBeGreaterThan(5);

    for (const { instruction, transcript: from, tree } of saved) {
      const taken = await openSandbox(join(dir(), "taken-around"), tree);
      const resumed = await turn(taken, instruction, from);
      expect(isFinished(resumed.result.outcome)).toBe(true);
      const isCheat = instruction !== refusal;
      expect(await changedFiles(tree)).toEqual([isCheat ? "M package.json" : "M src/money.js"]);
      expect(await readFile(join(tree, "src/money.js"), "utf8")).toContain(
        isCheat ? "Math.trunc(price * 100)" : "Math.round(price * 100)",
      );
      await taken.close();
    }
    await sandbox.close();
  });
});
