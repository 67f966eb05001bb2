import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Claim } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { commitFiles, createRepository, git, listProcessesWithEnv, waitUntil } from "@agentvine/testkit";
import { describe, expect, it } from "vitest";
import type { AgentDriver, AgentTurnInput, AgentTurnResult, Transcript } from "../agents/agent-driver.ts";
import { apiError } from "../base/testing/fakes.ts";
import { failed } from "./outcome.ts";
import { runWorkOrder } from "./run-work-order.ts";
import { MemoryBackend } from "./testing/memory-backend.ts";
import { describeSums, type SetUp, soundSum, useOrderWorld, type World } from "./testing/order-world.ts";

const newTest = `import test from "node:test";
import assert from "node:assert";
import { sum } from "../src/sum.js";
test("adds", () => assert.equal(sum(1, 2), 3));
`;
/** A shell script that mends the bug and adds a test that shows it. */
const mend = [
  `cat > src/sum.js <<'EOF'\n${soundSum}EOF`,
  `cat > test/sum.test.js <<'EOF'\n${newTest}EOF`,
  "echo 'Error: sums were wrong'; echo 'Suspected cause: a minus sign'; echo 'Files: src/sum.js'",
].join("\n");

const brokenLink = "printf '# Sums\\n\\nSee [more](nowhere.md).\\n' > GUIDE.md";

describe("runWorkOrder", () => {
  const { dir, upstream, aWorld, runOf } = useOrderWorld();
  const tagOf = ({ claim }: World) => `AGENTVINE_EXECUTION_ID=${claim.executionId}`;
  const failureIn = (result: Awaited<ReturnType<typeof runWorkOrder>>) => {
    if (result?.kind !== "fail") throw new Error(`expected a failure, got ${JSON.stringify(result)}`);
    return result.result;
  };

  it("turns a bug into a verified result: phases, evidence, bundle, diff, analysis, log", async () => {
    const { result, backend, claim, prompts } = await runOf({ type: "bugfix", script: mend });
    if (result?.kind !== "complete" || result.result.outcome !== "succeeded") {
      throw new Error(JSON.stringify(result, null, 1));
    }
    const { evidence, metrics, verification, commit, baseCommit, bundleArtifactId, diffArtifactId } =
      result.result;
    expect(verification).toBe("passed");
    expect(evidence.tests?.redToGreen).toEqual([expect.stringContaining("adds")]);
    expect(backend.phases()).toEqual([
      "prepare",
      "checkout",
      "setup",
      "plan",
      "run",
      "verify",
      "upload",
      "cleanup",
    ]);
    expect(Object.keys(metrics.phasesMs)).toEqual(backend.phases());
    expect(metrics).toMatchObject({ gateRounds: 1, steps: 1, waitingMs: 0 });
    expect(backend.names()).toEqual(
      expect.arrayContaining([
        "result.bundle",
        "result.diff",
        "evidence-1.json",
        "analysis.json",
        "log.ndjson",
      ]),
    );
    expect([...backend.artifacts.keys()]).toEqual(expect.arrayContaining([bundleArtifactId, diffArtifactId]));
    expect(backend.text("result.diff")).toContain("+export const sum = (a, b) => a + b;");
    expect(JSON.parse(backend.text("analysis.json"))).toMatchObject({ suspectedCause: "a minus sign" });
    expect(prompts[0]).toContain("Be brief.");
    expect(baseCommit).toBe(await git(upstream(), "rev-parse", "HEAD"));
    expect(commit).not.toBe(baseCommit);
    expect(backend.logText).toContain("sums were wrong");
    expect(await git(upstream(), "branch", "--list")).toBe("* main");
    expect(listProcessesWithEnv(`AGENTVINE_EXECUTION_ID=${claim.executionId}`)).toEqual([]);
  });

  it("tells the agent what the team wrote down about the task, and goes on without it where that can't be had", async () => {
    const backend = new MemoryBackend();
    const longId = newId();
    const fields = { documentId: newId(), version: 2, title: "Rounding", type: "guide" as const, tags: [] };
    const common = { ...fields, repositoryId: null, excerpt: "Round half to even.", rank: 1 };
    backend.documents = [
      { ...common, characters: 30, content: "Round half to even. Everywhere." },
      { ...common, documentId: longId, title: "Money", characters: 90_000, content: null },
    ];
    const told = await runOf({ backend });
    expect(told.prompts[0]).toContain(
      `<<<DOCUMENT ${fields.documentId} version 2\nguide: Rounding\n\nRound half to even. Everywhere.\n`,
    );
    expect(told.prompts[0]).toContain(
      `>>>DOCUMENT ${longId}\nThat is an excerpt; all 90000 characters of it: get_context with {"document":"${longId}"}`,
    );
    expect(told.backend.logText).toContain("documents: Rounding v2, Money v2");
    const without = new MemoryBackend();
    without.documents = apiError("request.invalid", { status: 400 });
    const untold = await runOf({ backend: without });
    expect(untold.prompts[0]).not.toContain("DOCUMENT");
    expect(untold.backend.logText).toContain("documents could not be looked up");
    expect([told.result?.kind, untold.result?.kind]).toEqual(["complete", "complete"]);
  });

  it("gives a refused gate's output back to the agent twice, then fails by verification", async () => {
    const { result, backend, prompts } = await runOf({ script: brokenLink });
    expect(failureIn(result)).toMatchObject({
      outcome: "failed",
      failure: "verification",
      isRetryable: false,
    });
    expect(failureIn(result).evidence?.round).toBe(3);
    expect(prompts).toHaveLength(3);
    expect(prompts[1]).toMatch(/^Gate round 1: refused/);
    expect(prompts[2]).toMatch(/^Gate round 2: refused/);
    expect(backend.reports.filter(({ kind }) => kind === "gate")).toHaveLength(3);
    expect(failureIn(result).metrics?.gateRounds).toBe(3);
  });

  it("lets an agent pass that mends its result after a refusal", async () => {
    const { result, prompts } = await runOf({
      script: `if grep -q 'Gate round 1' "$AGENTVINE_PROMPT_FILE"; then ${describeSums}; else ${brokenLink}; fi`,
    });
    expect(result).toMatchObject({ kind: "complete", result: { metrics: { gateRounds: 2 } } });
    expect(prompts).toHaveLength(2);
  });

  it("never takes an empty diff for a success", async () => {
    const { result } = await runOf({ script: "true" });
    expect(failureIn(result)).toMatchObject({ failure: "verification" });
  });

  it("hands in `unverified` where no test command is known", async () => {
    await createRepository(upstream(), { "notes.txt": "one\n" });
    const { result } = await runOf({ script: "echo two >> notes.txt", type: "feature" });
    expect(result).toMatchObject({ kind: "complete", result: { verification: "unverified" } });
  });

  it.each([
    ["a broken setup command", { settings: { setupCommand: "exit 3" } }, { failure: "setup" }],
    ["a missing branch", { branchName: "nowhere" }, { failure: "checkout", isRetryable: false }],
    ["an agent that fails", { script: "echo no luck >&2; exit 4" }, { failure: "agent" }],
    ["an agent that deletes everything", { script: "rm -rf .git * .??*" }, { failure: "agent" }],
    [
      "an agent that hides a repository",
      {
        script:
          "git init -q sub && cd sub && echo 1 > a && git add a && git -c user.name=a -c user.email=a@b commit -qm a",
      },
      { failure: "agent" },
    ],
    ["a task type without a recipe", { type: "review" as const }, { failure: "infrastructure" }],
  ])("tells %s apart", async (_, setUp, expected) => {
    const { result } = await runOf(setUp as SetUp);
    expect(failureIn(result)).toMatchObject({ outcome: "failed", ...expected });
    expect(failureIn(result).reason).not.toBe("");
  });

  it("tells a missing repository and an invalid plan apart", async () => {
    const missing = await aWorld({});
    const claim = { ...missing.claim, repository: { ...missing.claim.repository, url: join(dir(), "none") } };
    const result = await runWorkOrder({ ...missing.context, claim });
    expect(failureIn(result)).toMatchObject({ failure: "checkout" });
    await commitFiles(upstream(), { ".agentvine.yml": "testCommand: [1]\n" });
    expect(failureIn((await runOf()).result)).toMatchObject({ failure: "setup" });
  });

  it("ends an agent that fills the disk, and says so", async () => {
    const { result } = await runOf({
      script: "head -c 30000000 /dev/zero > big; sleep 60",
      workspaceBytesMax: 10_000_000,
    });
    expect(failureIn(result)).toMatchObject({ failure: "agent", reason: expect.stringContaining("MiB") });
  });

  it("ends an execution whose time is over as timed out, with everything below it", async () => {
    const world = await aWorld({ script: "trap '' TERM; sleep 60 & wait", timeoutSeconds: 2 });
    const result = await runWorkOrder(world.context);
    expect(failureIn(result)).toMatchObject({ outcome: "timed_out", failure: null });
    expect(listProcessesWithEnv(tagOf(world))).toEqual([]);
  });

  it("hands in a cancelled execution as cancelled, though its agent ignores TERM", async () => {
    const world = await aWorld({ script: "trap '' TERM; touch started; while :; do sleep 1; done" });
    const run = runWorkOrder(world.context);
    await waitUntil(() => listProcessesWithEnv(tagOf(world)).length > 0 && world.prompts.length > 0);
    const startedMs = performance.now();
    world.stop.request("cancelled", "not needed any more");
    expect(failureIn(await run)).toMatchObject({ outcome: "cancelled", reason: "not needed any more" });
    expect(performance.now() - startedMs).toBeLessThan(15_000);
    expect(listProcessesWithEnv(tagOf(world))).toEqual([]);
  });

  it("hands nothing in once the lease is lost, whoever notices", async () => {
    const told = await aWorld({ script: "sleep 60" });
    const run = runWorkOrder(told.context);
    await waitUntil(() => told.prompts.length > 0);
    told.stop.request("lease_lost", "test");
    expect(await run).toBeNull();
    expect(told.backend.names()).toEqual([]);

    const refused = await aWorld({ worker: "other" });
    refused.backend.faults.createCheckpoint = apiError("work_order.lease_lost");
    expect(await runWorkOrder(refused.context)).toBeNull();
    expect(refused.backend.names()).not.toContain("result.bundle");
  });

  it("ends as an infrastructure fault worth a retry when the backend takes no result", async () => {
    const world = await aWorld();
    world.backend.faults.upload = apiError("storage.full");
    expect(failureIn(await runWorkOrder(world.context))).toMatchObject({
      failure: "infrastructure",
      isRetryable: true,
    });
  });

  describe("with an agent that keeps checkpoints", () => {
    /** Does one step per turn call: writes a file, checkpoints, and stops at the given step until it is told to go on. */
    const aSteppingDriver = (hangAtStep: number | null) => {
      const seen: { transcripts: (Transcript | undefined)[]; instructions: string[] } = {
        transcripts: [],
        instructions: [],
      };
      const steps = [
        ["GUIDE.md", "# Guide\n\nCall sum. See [the notes](NOTES.md).\n"],
        ["NOTES.md", "# Notes\n\nNone yet.\n"],
      ] as const;
      const run = async (input: AgentTurnInput): Promise<AgentTurnResult> => {
        seen.transcripts.push(input.transcript);
        seen.instructions.push(input.instruction);
        const counts = { usage: null, steps: 1, toolCalls: 1, modelRetries: 0 };
        for (let step = input.transcript?.step ?? 0; step < steps.length; step += 1) {
          if (step === hangAtStep) {
            await new Promise((resolve) => input.signal.addEventListener("abort", resolve));
            return { ...counts, outcome: { kind: "cancelled" } };
          }
          const [path, content] = steps[step] ?? ["", ""];
          await input.sandbox.writeFile(path, content);
          await input.onCheckpoint({ driver: "builtin", step: step + 1, messages: [{ step }] });
        }
        return { ...counts, outcome: { kind: "finished", summary: "done" } };
      };
      return {
        driver: { name: "builtin", label: "test/steps", isScripted: true, run } satisfies AgentDriver,
        seen,
      };
    };

    it("gives the order back on a drain, and another worker takes it up where it was", async () => {
      const first = aSteppingDriver(1);
      const world = await aWorld({ driver: first.driver });
      const run = runWorkOrder(world.context);
      await waitUntil(() => world.backend.checkpoints.length === 1);
      world.stop.request("drained", "going away");
      expect(await run).toEqual({ kind: "release", reason: "going away" });

      await commitFiles(upstream(), { "later.txt": "somebody went on\n" });
      const checkpoint = world.backend.checkpoints[0];
      if (checkpoint === undefined) throw new Error("no checkpoint");
      const second = aSteppingDriver(null);
      const next = await runOf({
        driver: second.driver,
        worker: "another-machine",
        backend: world.backend,
        claim: { checkpoint, attempt: 2 },
      });
      expect(next.result).toMatchObject({
        kind: "complete",
        result: { outcome: "succeeded", baseCommit: checkpoint.baseCommit },
      });
      expect(second.seen.transcripts[0]).toEqual({ driver: "builtin", step: 1, messages: [{ step: 0 }] });
      expect(second.seen.instructions).toEqual(first.seen.instructions);
    });

    it("goes on with what a reviewer asked for, on the work as it was", async () => {
      const { backend, result } = await runOf({ driver: aSteppingDriver(null).driver });
      expect(result?.kind).toBe("complete");
      const checkpoint = backend.checkpoints.at(-1);
      if (checkpoint === undefined) throw new Error("no checkpoint");
      const driver = aSteppingDriver(null);
      const again = await runOf({
        driver: driver.driver,
        backend,
        claim: { checkpoint, attempt: 2 },
        payload: { followUp: "please name it add" },
      });
      expect(again.result?.kind).toBe("complete");
      expect(driver.seen.instructions[0]).toContain("please name it add");
      expect(driver.seen.transcripts[0]?.step).toBe(2);
    });

    it("tells the agent the task and the follow-up when there is nothing to take up", async () => {
      const driver = aSteppingDriver(null);
      await runOf({ driver: driver.driver, payload: { followUp: "please name it add" } });
      expect(driver.seen.instructions[0]).toMatch(/Mend the sum[\s\S]*please name it add/);
    });

    it("starts over when the checkpoint is another agent's or can't be read", async () => {
      const { backend } = await runOf({ driver: aSteppingDriver(null).driver });
      const checkpoint = backend.checkpoints.at(-1);
      if (checkpoint === undefined) throw new Error("no checkpoint");
      for (const changes of [
        { driver: "acp" },
        { transcriptArtifactId: checkpoint.snapshotArtifactId ?? "" },
      ]) {
        const driver = aSteppingDriver(null);
        const next = await runOf({
          driver: driver.driver,
          backend,
          claim: { checkpoint: { ...checkpoint, ...changes } },
        });
        expect(next.result?.kind).toBe("complete");
        expect(driver.seen.transcripts[0]).toBeUndefined();
      }
    });

    it("goes on without a checkpoint that could not be kept", async () => {
      const world = await aWorld({ driver: aSteppingDriver(null).driver });
      world.backend.faults.createCheckpoint = apiError("request.invalid");
      expect((await runWorkOrder(world.context))?.kind).toBe("complete");
      expect(world.backend.logText).toContain("a checkpoint could not be kept");
    });
  });

  it.each([
    [
      { kind: "refused", reason: "not that" },
      { outcome: "refused", failure: null },
    ],
    [
      { kind: "limit_reached", limit: "steps", reason: "10" },
      { outcome: "failed", failure: "agent" },
    ],
    [{ kind: "cancelled" }, { outcome: "failed", failure: "agent" }],
    [{ kind: "timed_out" }, { outcome: "timed_out", failure: null }],
    [
      { kind: "model_unavailable", reason: "overloaded", retryAfterMs: 5_000 },
      { failure: "infrastructure", isRetryable: true, retryAfterMs: 5_000 },
    ],
    [
      { kind: "model_unavailable", reason: "down" },
      { failure: "infrastructure", isRetryable: true },
    ],
  ] as const)("ends typed when the agent ends with %j", async (outcome, expected) => {
    const usage = { inputTokens: 1, outputTokens: 2, cacheReadTokens: 0, cacheWriteTokens: 0, costUsd: 0.5 };
    const driver: AgentDriver = {
      name: "builtin",
      label: "test/ends",
      isScripted: true,
      run: async ({ desk, onEvent, ruleFor }) => {
        expect(await desk.ask({ kind: "question", text: "which?" })).toMatchObject({ kind: "pending" });
        expect([ruleFor("command"), ruleFor("network")]).toEqual(["test", undefined]);
        onEvent({ type: "step.started", step: 1 });
        onEvent({ type: "message", text: "thinking" });
        onEvent({ type: "plan", steps: ["look", "mend"] });
        onEvent({ type: "model.retried", attempt: 2, delayMs: 900, reason: "overloaded" });
        onEvent({ type: "context.trimmed", droppedMessages: 3 });
        onEvent({ type: "usage", usage });
        onEvent({ type: "tool.ended", id: "unknown", isError: true, summary: "odd" });
        return { outcome, usage, steps: 2, toolCalls: 3, modelRetries: 1 };
      },
    };
    const { result, backend } = await runOf({ driver });
    expect(failureIn(result)).toMatchObject({ ...expected, metrics: { steps: 2, usage: { costUsd: 0.5 } } });
    expect(backend.reports).toContainEqual({ kind: "plan", steps: ["look", "mend"] });
    expect(backend.logText).toMatch(/asked \(question\): which\?/);
  });

  it("fails typed when no agent can be made for the task", async () => {
    const world = await aWorld();
    const createDriverFault = () => {
      throw failed("infrastructure", "no agent here", { isRetryable: true });
    };
    const result = await runWorkOrder({ ...world.context, createDriver: createDriverFault });
    expect(failureIn(result)).toMatchObject({ failure: "infrastructure", reason: "no agent here" });
  });

  describe("of kind publish", () => {
    const bare = () => join(dir(), "bare.git");
    const aPublishWorld = async (worker: string) => {
      const run = await runOf();
      if (run.result?.kind !== "complete" || run.result.result.outcome !== "succeeded")
        throw new Error("no result");
      const { commit, baseCommit, bundleArtifactId } = run.result.result;
      await git(dir(), "clone", "--quiet", "--bare", upstream(), bare()).catch(() => undefined);
      const branch = `agentvine/${run.claim.task.id}/a1`;
      const world = await aWorld({ backend: run.backend, worker });
      const claim: Claim = {
        ...world.claim,
        attempt: 2,
        workOrder: {
          ...world.claim.workOrder,
          kind: "publish",
          payload: { executionId: newId(), bundleArtifactId, baseCommit, commit, branch },
        },
        repository: { ...world.claim.repository, url: bare(), canonicalKey: bare() },
      };
      return { world, context: { ...world.context, claim }, branch, commit };
    };

    it("pushes the branch from any worker, once and again without harm", async () => {
      const { context, branch, commit, world } = await aPublishWorld("another-machine");
      const result = await runWorkOrder(context);
      expect(result).toMatchObject({ kind: "complete", result: { outcome: "published", branch, commit } });
      expect(await git(bare(), "rev-parse", branch)).toBe(commit);
      expect(world.backend.phases().slice(-3)).toEqual(["prepare", "publish", "cleanup"]);
    });

    it("pushes nothing when the lease is lost", async () => {
      const { context, world } = await aPublishWorld("worker");
      world.backend.faults.progress = apiError("work_order.lease_lost");
      expect(await runWorkOrder(context)).toBeNull();
      expect(await git(bare(), "branch", "--list", "agentvine/*")).toBe("");
    });
  });

  it("refuses a kind of order that it does not know", async () => {
    const world = await aWorld();
    const claim: Claim = { ...world.claim, workOrder: { ...world.claim.workOrder, kind: "verify" } };
    expect(failureIn(await runWorkOrder({ ...world.context, claim }))).toMatchObject({
      failure: "infrastructure",
    });
  });

  it("removes the checkouts of a gate when it is done with them", async () => {
    const { context } = await runOf();
    expect(
      (await readdir(context.layout.root)).filter((name) => name.startsWith("verify-")).length,
    ).toBeLessThan(4);
    await writeFile(join(dir(), "done"), "");
  });
});
