import { priorities } from "@agentvine/contracts";
import { describe, expect, it } from "vitest";
import { headStartSeconds, publishHeadStartSeconds, queuePlace } from "./ranking.ts";
import { publishWork } from "./work-type.ts";

const docs = { taskType: "docs", requiredLabels: [], agent: {} } as const;

describe("ranking", () => {
  it("gives a higher priority the larger head start", () => {
    const starts = priorities.map((priority) => headStartSeconds[priority]);
    expect(starts).toEqual([...starts].sort((a, b) => a - b));
    expect(new Set(starts).size).toBe(priorities.length);
  });

  it("lets a low order overtake a critical one that was queued six hours later", () => {
    expect(headStartSeconds.critical - headStartSeconds.low).toBe(6 * 3_600);
  });

  it("puts a push before every fresh run, whatever its task's priority", () => {
    expect(queuePlace("publish", docs, "low")).toEqual({
      lane: "high_priority",
      workType: publishWork,
      headStartSeconds: publishHeadStartSeconds,
    });
    expect(publishHeadStartSeconds).toBeGreaterThan(Math.max(...Object.values(headStartSeconds)));
  });

  it("queues a run in the lane of its priority under its task's type", () => {
    expect(queuePlace("run", { ...docs, requiredLabels: ["gpu"] }, "critical")).toEqual({
      lane: "high_priority",
      workType: '{"type":"docs","labels":["gpu"]}',
      headStartSeconds: headStartSeconds.critical,
    });
    expect(queuePlace("run", docs, "low").lane).toBe("low_priority");
  });
});
