import type { Claim } from "@agentvine/contracts";
import { waitUntil } from "@agentvine/testkit";
import { describe, expect, it } from "vitest";
import type { AgentDriver } from "../agents/agent-driver.ts";
import { createDriver } from "../agents/index.ts";
import { always, call, modelWith, quickRetry } from "../agents/testing/scripted-turn.ts";
import { aClaim } from "../base/testing/fakes.ts";
import { runWorkOrder } from "./run-work-order.ts";
import type { MemoryBackend } from "./testing/memory-backend.ts";
import { type SetUp, useOrderWorld } from "./testing/order-world.ts";

const steps = ["read the sums", "write GUIDE.md"];
const guide = "# Sums\n\nAdds two numbers.\n";

describe("a task whose plan a person agrees to first", () => {
  const { aWorld, runOf } = useOrderWorld();
  const preAllowed: Claim["preAllowed"] = [
    { toolClass: "read", ruleId: "read" },
    { toolClass: "edit", ruleId: "edit" },
  ];
  const { task } = aClaim();

  /** Plans when it is to plan, trying to write at once; works when it is told to. */
  const aPlanner = async (): Promise<AgentDriver> => {
    const model = await modelWith(
      always(({ phases }) => {
        const { instruction, turns } = phases.at(-1) ?? { instruction: "", turns: [] };
        const isAllowed = /A person agreed to this plan/.test(instruction);
        if (isAllowed && turns.length === 0) return call("write_file", { path: "GUIDE.md", content: guide });
        if (!isAllowed && turns.length === 0) {
          const calls = [
            { name: "write_file", input: { path: "early.md", content: "early" } },
            {
              name: "report_plan",
              input: { steps: [...steps, instruction.includes("shorter") ? "be short" : "be long"] },
            },
          ];
          return { calls };
        }
        return { text: "done" };
      }),
    );
    return createDriver({
      driver: "builtin",
      model: "scripted/demo",
      baseUrl: model.baseUrl,
      retry: quickRetry,
    });
  };
  const human = (backend?: MemoryBackend): SetUp => ({
    claim: {
      preAllowed,
      task: {
        ...task,
        type: "docs",
        permissionLevel: "human_required",
        ...(backend && { id: backend.taskId }),
      },
      ...(backend && { checkpoint: backend.checkpoints.at(-1) ?? null, attempt: 2 }),
    },
    ...(backend && { backend, worker: "another-machine" }),
  });
  const openPlan = (backend: MemoryBackend) =>
    waitUntil(() => backend.decisions.open()[0], { message: "a plan to be proposed" });

  it("proposes the steps, changes nothing before a person agrees, and then works by them", async () => {
    const world = await aWorld({ ...human(), driver: await aPlanner(), liveMsMax: 60_000 });
    const run = runWorkOrder(world.context);
    const plan = await openPlan(world.backend);
    expect(plan.approval).toMatchObject({ subject: "plan", tool: "plan", steps: [...steps, "be long"] });
    expect(world.backend.names().filter((name) => name.startsWith("snapshot"))).toEqual([]);
    world.backend.decisions.allow(plan.id);
    const result = await run;
    expect(result?.kind).toBe("complete");
    expect(world.prompts.at(-1)).toMatch(
      /A person agreed to this plan.*\n\n1\. read the sums\n2\. write GUIDE\.md/,
    );
    expect(world.backend.text("result.diff")).not.toContain("early.md");
    expect(world.backend.decisions.spent).toEqual([]);
  });

  it("plans again with the person's words, and fails after three plans", async () => {
    const world = await aWorld({ ...human(), driver: await aPlanner(), liveMsMax: 60_000 });
    const run = runWorkOrder(world.context);
    world.backend.decisions.deny((await openPlan(world.backend)).id, "shorter, please");
    const second = await openPlan(world.backend);
    expect(second.approval?.steps.at(-1)).toBe("be short");
    world.backend.decisions.deny(second.id, "much shorter");
    world.backend.decisions.deny((await openPlan(world.backend)).id, "no");
    expect(await run).toMatchObject({
      kind: "fail",
      result: { failure: "agent", reason: expect.stringContaining("3 plans were turned down. The last: no") },
    });
  });

  it("parks while nobody decides, and goes on with what was decided, without planning anew", async () => {
    const driver = await aPlanner();
    const first = await runOf({ ...human(), driver });
    expect(first.result?.kind).toBe("park");
    const [plan] = first.backend.decisions.open();
    first.backend.decisions.allow(plan?.id ?? "");
    const second = await runOf({
      ...human(first.backend),
      driver,
      payload: { followUp: "[1] The plan is approved.", followUpKind: "answer" },
    });
    expect(second.result?.kind).toBe("complete");
    expect(second.prompts).toHaveLength(1);
    expect(first.backend.decisions.requests.size).toBe(1);
  });

  it("begins at once when the lease brings the plan that was agreed to", async () => {
    const setUp = human();
    const approvedPlan = { requestId: task.id, steps };
    const { result, prompts, backend } = await runOf({
      ...setUp,
      claim: { ...setUp.claim, approvedPlan },
      driver: await aPlanner(),
    });
    expect(result?.kind).toBe("complete");
    expect(prompts[0]).toContain("1. read the sums");
    expect(backend.decisions.requests.size).toBe(0);
  });

  it("of a command agent: the command and the task are what is agreed to, and nothing runs before", async () => {
    const driver = createDriver({
      driver: "command",
      argv: ["sh", "-c", `printf '${guide.replaceAll("\n", "\\n")}' > GUIDE.md`],
      label: "my-agent",
    });
    const world = await aWorld({ ...human(), driver, liveMsMax: 60_000 });
    const run = runWorkOrder(world.context);
    const plan = await openPlan(world.backend);
    expect(plan.approval?.steps).toEqual([`Run my-agent for: ${task.title}`]);
    expect(world.prompts).toEqual([]);
    world.backend.decisions.allow(plan.id);
    expect((await run)?.kind).toBe("complete");
  });
});
