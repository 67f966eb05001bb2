import type { WorkerCapabilities } from "@agentvine/contracts";
import { describe, expect, it } from "vitest";
import { type Able, capabilityRows, explainNoWorker, type Requirement, workerTypeOf } from "./worker.ts";

const capabilities = (change: Partial<WorkerCapabilities> = {}): WorkerCapabilities => ({
  taskTypes: ["bugfix"],
  labels: ["gpu"],
  agents: [{ driver: "builtin", model: "anthropic/x", isScripted: false }],
  sandbox: { driver: "none", isConfined: false },
  toolchains: {},
  ...change,
});
const able = (change: Partial<WorkerCapabilities> = {}, isRecent = true): Able => ({
  capabilities: capabilities(change),
  isRecent,
});
const need = (change: Partial<Requirement> = {}): Requirement => ({
  type: "bugfix",
  requiredLabels: [],
  agent: {},
  ...change,
});

describe("capabilities", () => {
  it("become one row per thing the worker can do, none twice", () => {
    const rows = capabilityRows(
      capabilities({
        taskTypes: ["bugfix", "bugfix"],
        agents: [
          { driver: "builtin", model: "anthropic/x", isScripted: false },
          { driver: "builtin", model: "anthropic/y", isScripted: false },
          { driver: "command", model: null, isScripted: false },
        ],
      }),
    );
    expect(rows).toEqual([
      { kind: "task_type", value: "bugfix" },
      { kind: "label", value: "gpu" },
      { kind: "agent_driver", value: "builtin" },
      { kind: "agent_model", value: "anthropic/x" },
      { kind: "agent_model", value: "builtin anthropic/x" },
      { kind: "agent_model", value: "anthropic/y" },
      { kind: "agent_model", value: "builtin anthropic/y" },
      { kind: "agent_driver", value: "command" },
      { kind: "sandbox", value: "none" },
    ]);
  });

  it("name the worker's type: its only one, or general", () => {
    expect(workerTypeOf(capabilities())).toBe("bugfix");
    expect(workerTypeOf(capabilities({ taskTypes: ["bugfix", "docs"] }))).toBe("general");
  });
});

describe("explaining why no worker could run a task", () => {
  it.each<[string, Requirement, Able[], RegExp | undefined]>([
    ["nobody is there", need(), [], /No worker is registered.*agentvine up/],
    ["nobody of its type", need({ type: "docs" }), [able()], /takes docs tasks.*take bugfix.*--types docs/],
    ["a label is missing", need({ requiredLabels: ["arm"] }), [able()], /labels arm/],
    ["no agent", need(), [able({ agents: [] })], /no model is configured.*ANTHROPIC_API_KEY.*doctor/],
    [
      "another driver",
      need({ agent: { driver: "acp" } }),
      [able()],
      /runs acp; they run builtin with model anthropic\/x/,
    ],
    ["another model", need({ agent: { model: "openai/z" } }), [able()], /runs openai\/z/],
    ["all gone for long", need(), [able({}, false)], /offline for over an hour/],
    [
      "one can",
      need({ agent: { driver: "builtin", model: "anthropic/x" }, requiredLabels: ["gpu"] }),
      [able()],
      undefined,
    ],
    ["one of several can", need(), [able({ agents: [] }), able()], undefined],
  ])("%s", (_case, requirement, workers, expected) => {
    const explained = explainNoWorker(requirement, workers);
    if (expected === undefined) expect(explained).toBeUndefined();
    else expect(explained).toMatch(expected);
  });
});
