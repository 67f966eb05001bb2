import { waitUntil } from "@agentvine/testkit";
import { describe, expect, it } from "vitest";
import type { AgentDriver } from "../agents/agent-driver.ts";
import { createDriver } from "../agents/index.ts";
import { call, done, inOrder, modelWith, quickRetry } from "../agents/testing/scripted-turn.ts";
import { apiError } from "../base/testing/fakes.ts";
import { runWorkOrder } from "./run-work-order.ts";
import type { MemoryBackend } from "./testing/memory-backend.ts";
import { describeSums, type SetUp, useOrderWorld } from "./testing/order-world.ts";

const publish = { command: "curl http://127.0.0.1:9/ ; echo ran >> GUIDE.md" };
const writeGuide = call("write_file", { path: "GUIDE.md", content: "# Sums\n\nAdds two numbers.\n" });

describe("an execution that waits for an answer", () => {
  const { aWorld, runOf } = useOrderWorld();

  const builtin = async (...replies: Parameters<typeof inOrder>): Promise<AgentDriver> => {
    const model = await modelWith(inOrder(...replies));
    return createDriver({
      driver: "builtin",
      model: "scripted/demo",
      baseUrl: model.baseUrl,
      retry: quickRetry,
    });
  };
  const rules = (["read", "edit"] as const).map((toolClass) => ({ toolClass, ruleId: `rule-${toolClass}` }));
  const claim = { preAllowed: rules };
  /** The next attempt of the same work, as the backend would hand it out. */
  const nextOf = (backend: MemoryBackend, followUp: string | null): SetUp => {
    const checkpoint = backend.checkpoints.at(-1);
    if (checkpoint === undefined) throw new Error("no checkpoint");
    return {
      backend,
      worker: "another-machine",
      claim: { ...claim, checkpoint, attempt: 2 },
      payload: followUp === null ? {} : { followUp, followUpKind: "answer" },
    };
  };
  const guideOf = async (backend: MemoryBackend): Promise<string> => backend.text("result.diff");

  it("parks with a checkpoint of exactly that state, gives the answer to the next attempt, and runs the call once", async () => {
    const driver = await builtin(
      writeGuide,
      call("run_command", publish),
      call("run_command", publish),
      done,
    );
    const first = await runOf({ driver, claim });
    const [request] = first.backend.decisions.open();
    expect(request).toMatchObject({
      kind: "approval",
      approval: { tool: "run_command", toolClass: "network", command: publish.command },
    });
    expect(first.result).toEqual({
      kind: "park",
      checkpointId: first.backend.checkpoints.at(-1)?.id,
      reason: "waits for an answer",
      requestIds: [request?.id],
    });

    first.backend.decisions.allow(request?.id ?? "");
    const second = await runOf({ driver, ...nextOf(first.backend, "[1] Allowed, once: the command") });
    expect(second.prompts[0]).toMatch(/^You waited for this.*\n\n\[1\] Allowed, once: the command/);
    expect(second.result?.kind).toBe("complete");
    expect(first.backend.decisions.requests.size).toBe(1);
    expect(first.backend.decisions.spent).toEqual([request?.id]);
    expect((await guideOf(first.backend)).match(/^\+ran$/gm)).toHaveLength(1);
  });

  it("waits live while an answer may come soon, and books the time as waiting", async () => {
    const driver = await builtin(
      writeGuide,
      call("ask_controller", { question: "Which word?", options: ["sums", "totals"] }),
      done,
    );
    const world = await aWorld({ driver, claim, liveMsMax: 60_000, timeoutSeconds: 30 });
    const run = runWorkOrder(world.context);
    const { decisions } = world.backend;
    const [request] = await waitUntil(() => (decisions.open().length > 0 ? decisions.open() : undefined));
    expect(request?.options.map(({ id, label }) => [id, label])).toEqual([
      ["1", "sums"],
      ["2", "totals"],
    ]);
    const startedMs = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 300));
    decisions.answer(request?.id ?? "", "sums, please");
    const result = await run;
    expect(performance.now() - startedMs).toBeLessThan(20_000);
    if (result?.kind !== "complete") throw new Error(JSON.stringify(result));
    expect(result.result.metrics.waitingMs).toBeGreaterThanOrEqual(250);
  });

  it("never loses work: without a safe checkpoint it waits on, holding its slot, until it is answered", async () => {
    const driver = await builtin(
      writeGuide,
      call("run_command", publish),
      call("run_command", publish),
      done,
    );
    const world = await aWorld({ driver, claim });
    world.backend.faults.createCheckpoint = apiError("request.invalid");
    const run = runWorkOrder(world.context);
    const { decisions } = world.backend;
    await waitUntil(() => world.backend.logText.includes("waits on, holding its slot"));
    decisions.allow(decisions.open()[0]?.id ?? "");
    expect((await run)?.kind).toBe("complete");
    expect(world.prompts.at(-1)).toMatch(/Allowed, once: curl/);
    expect(decisions.spent).toHaveLength(1);
    expect((await guideOf(world.backend)).match(/^\+ran$/gm)).toHaveLength(1);
  });

  it.each([
    ["cancelled", { kind: "fail", result: { outcome: "cancelled" } }],
    ["drained", { kind: "release" }],
    ["timed_out", { kind: "fail", result: { outcome: "timed_out" } }],
  ] as const)(
    "ends as %s at once when it is told so, and its question stays for the next attempt",
    async (kind, expected) => {
      const driver = await builtin(writeGuide, call("run_command", publish), done);
      const world = await aWorld({ driver, claim, liveMsMax: 600_000 });
      const run = runWorkOrder(world.context);
      await waitUntil(() => world.backend.decisions.open().length === 1);
      world.stop.request(kind, "test");
      expect(await run).toMatchObject(expected);
      expect(world.backend.decisions.open()).toHaveLength(1);
      expect(world.backend.decisions.spent).toEqual([]);
    },
  );

  it("hands nothing in when the lease is lost while it waits, and the next attempt does not ask again", async () => {
    const driver = await builtin(writeGuide, call("run_command", publish), done);
    const world = await aWorld({ driver, claim, liveMsMax: 600_000 });
    const run = runWorkOrder(world.context);
    const { decisions } = world.backend;
    await waitUntil(() => decisions.open().length === 1);
    world.stop.request("lease_lost", "test");
    expect(await run).toBeNull();
    decisions.allow(decisions.open()[0]?.id ?? "");
    const second = await runOf({ driver, ...nextOf(world.backend, null) });
    expect(second.result?.kind).toBe("complete");
    expect(decisions.requests.size).toBe(1);
    expect(decisions.spent).toHaveLength(1);
  });

  it("an attempt that died after it parked, before that was on record, asks the same again", async () => {
    const driver = await builtin(
      writeGuide,
      call("run_command", publish),
      call("run_command", publish),
      done,
    );
    const first = await runOf({ driver, claim });
    expect(first.result?.kind).toBe("park");
    const { decisions } = first.backend;
    decisions.allow(decisions.open()[0]?.id ?? "");
    const second = await runOf({ driver, ...nextOf(first.backend, null) });
    expect(second.result?.kind).toBe("complete");
    expect(decisions.requests.size).toBe(1);
    expect(decisions.spent).toHaveLength(1);
  });

  it("a command that ends with a question open is parked, and runs again with the answer", async () => {
    const own = createDriver({ driver: "command", argv: ["sh", "-c", describeSums] });
    let isAsked = false;
    const driver: AgentDriver = {
      ...own,
      run: async (input) => {
        if (!isAsked) await input.desk.ask({ kind: "question", text: "Which word?" });
        isAsked = true;
        return await own.run(input);
      },
    };
    const first = await runOf({ driver, claim });
    expect(first.result).toMatchObject({ kind: "park", requestIds: [expect.any(String)] });
    const second = await runOf({ driver, ...nextOf(first.backend, "[1] sums") });
    expect(second.result?.kind).toBe("complete");
    expect(second.prompts[0]).toContain("[1] sums");
  });

  it("what a rule denies is told to the agent, and what it allows runs without a wait", async () => {
    const driver = await builtin(writeGuide, call("run_command", publish), done);
    const world = await aWorld({ driver, claim });
    world.backend.decisions.route = () => "allow";
    expect((await runWorkOrder(world.context))?.kind).toBe("complete");
    expect(world.backend.decisions.spent).toHaveLength(1);

    const denied = await aWorld({
      driver: await builtin(writeGuide, call("run_command", publish), done),
      claim,
    });
    denied.backend.decisions.route = () => "deny";
    expect((await runWorkOrder(denied.context))?.kind).toBe("complete");
    expect(denied.backend.decisions.spent).toEqual([]);
    expect(denied.backend.logText).toContain("run_command: not allowed");
  });
});
