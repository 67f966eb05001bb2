import { type Event, eventTypes } from "@agentvine/contracts";
import { describe, expect, it } from "vitest";
import { anEvidence } from "../testing/a-task.ts";
import { recordedOutput } from "../testing/recorded-output.ts";
import { eventLine, eventText } from "./event-view.ts";

const anEvent = (type: Event["type"], data: Event["data"] = {}): Event => ({
  id: "01890a5d-ac96-774b-bcce-b302099a8057",
  position: 1,
  type,
  taskId: null,
  workOrderId: null,
  executionId: null,
  workerId: "w",
  attempt: 2,
  correlationId: null,
  data,
  occurredAt: "2026-01-01T00:00:00.000Z",
});

describe("eventLine", () => {
  it("can draw every event there is, or leaves it out", () => {
    for (const type of eventTypes) expect(() => eventLine(anEvent(type))).not.toThrow();
  });

  it.each([
    ["task.failed", { reason: "no fix" }, "failed", "no fix", "bad"],
    ["task.claimed", { worker: "local-1" }, "claimed", "attempt 2 by local-1", "plain"],
    ["task.claimed", {}, "claimed", "attempt 2 by w", "plain"],
    ["task.completed", { branch: "agentvine/x/a1" }, "completed", "agentvine/x/a1", "good"],
    ["work_order.lease_lost", { reason: "gone" }, "lease lost", "gone", "bad"],
    ["execution.progressed", { kind: "phase", phase: "verify" }, "verify", "", "quiet"],
    ["execution.progressed", { kind: "plan", steps: ["look", "mend"] }, "plan", "1. look  2. mend", "plain"],
    [
      "execution.progressed",
      { kind: "tool", name: "edit_file", summary: "a.js", isError: true },
      "  edit_file",
      "a.js",
      "notice",
    ],
    ["execution.progressed", { kind: "model", detail: "overloaded" }, "model", "overloaded", "notice"],
  ] as const)("draws %s %j", (type, data, word, detail, tone) => {
    expect(eventLine(anEvent(type, data))).toEqual({ word, detail, tone });
  });

  it.each([
    ["passed", "verified", "good"],
    ["failed", "refused", "bad"],
    ["unverified", "unverified", "notice"],
  ] as const)("says of a gate that %s: %s", (verification, word, tone) => {
    const evidence = anEvidence({ verification, reason: "because" });
    const line = eventLine(anEvent("execution.progressed", { kind: "gate", evidence }));
    expect(line).toMatchObject({ word, tone });
    expect(line?.detail).toContain("because");
  });

  it("leaves out phases that have nothing to say", () => {
    expect(eventLine(anEvent("execution.progressed", { kind: "phase", phase: "cleanup" }))).toBeUndefined();
    expect(
      eventLine(anEvent("execution.progressed", { kind: "phase", phase: "upload", detail: "2 MB" })),
    ).toBeDefined();
  });

  it("leaves out progress it does not understand", () => {
    expect(eventLine(anEvent("execution.progressed", { kind: "dance" }))).toBeUndefined();
  });
});

describe("eventText", () => {
  const line = { word: "refused", detail: "x".repeat(300), tone: "bad" as const };

  it("keeps a reason whole where something went wrong, and cuts the rest to the terminal", () => {
    const { output } = recordedOutput({ isInteractive: true, columns: 80 });
    expect(eventText(line, { label: "bugfix", seconds: 1.25, output })).toContain("x".repeat(300));
    expect(eventText({ ...line, tone: "quiet" }, { label: "bugfix", seconds: 1.25, output })).toHaveLength(
      80,
    );
  });

  it("keeps everything in a pipe", () => {
    const { output } = recordedOutput();
    const text = eventText({ ...line, tone: "quiet" }, { label: "bugfix", seconds: 61, output });
    expect(text.startsWith("  61.0s  bugfix   refused ")).toBe(true);
    expect(text).toContain("x".repeat(300));
  });
});
