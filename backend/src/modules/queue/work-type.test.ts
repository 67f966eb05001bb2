import { describe, expect, it } from "vitest";
import { publishWork, runWork, taskTypeOf } from "./work-type.ts";

describe("the kind of work", () => {
  it("is the same text for the same requirement, however it is written", () => {
    const one = runWork({ taskType: "docs", requiredLabels: ["b", "a", "b"], agent: {} });
    expect(runWork({ taskType: "docs", requiredLabels: ["a", "b"], agent: {} })).toBe(one);
    expect(one).toBe('{"type":"docs","labels":["a","b"]}');
  });

  it("differs by type, labels, driver and model", () => {
    const base = { taskType: "docs", requiredLabels: [], agent: {} } as const;
    const all = [
      base,
      { ...base, taskType: "test" as const },
      { ...base, requiredLabels: ["a"] },
      { ...base, agent: { driver: "builtin" as const } },
      { ...base, agent: { model: "builtin" } },
    ];
    expect(new Set(all.map(runWork)).size).toBe(all.length);
  });

  it("names its task type, a push none", () => {
    expect(taskTypeOf(runWork({ taskType: "docs", requiredLabels: ["x"], agent: {} }))).toBe("docs");
    expect(taskTypeOf(publishWork)).toBeUndefined();
  });
});
