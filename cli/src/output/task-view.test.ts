import { taskStatuses } from "@agentvine/contracts";
import { describe, expect, it } from "vitest";
import { anEvidence, aResult, aTask } from "../testing/a-task.ts";
import { recordedOutput } from "../testing/recorded-output.ts";
import { evidenceText, statusText, taskDetails, taskLine, taskTable } from "./task-view.ts";

const { output } = recordedOutput({ columns: 100 });
const tests = {
  runner: "node:test",
  base: null,
  result: { passed: 7, failed: 0, skipped: 0 },
  redToGreen: [] as string[],
  greenToRed: [],
  added: [] as string[],
  removed: [],
  newlySkipped: [],
};

describe("evidenceText", () => {
  it("names the test that was red and is green", () => {
    const evidence = anEvidence({ tests: { ...tests, redToGreen: ["cart > total", "cart > tax"] } });
    expect(evidenceText(evidence)).toBe("red at base, green now: cart > total (+1)");
  });

  it("tells added tests and coverage before and after", () => {
    const coverage = { beforePercent: 61.23, afterPercent: null, files: [] };
    const evidence = anEvidence({ tests: { ...tests, added: ["a", "b"] }, coverage });
    expect(evidenceText(evidence)).toBe("2 tests added, 7 tests pass, coverage 61.2 % → ?");
  });

  it("falls back to the gate's own sentence, and to nothing without evidence", () => {
    expect(evidenceText(anEvidence())).toBe("all checks passed");
    expect(evidenceText(null)).toBe("");
  });
});

describe("task views", () => {
  it("writes every status there is", () => {
    expect(taskStatuses.map((status) => statusText(status, output.colors))).toEqual([...taskStatuses]);
  });

  it("shows a table with the end of the id", () => {
    const [head, row] = taskTable([aTask()], output).split("\n");
    expect(head).toContain("TITLE");
    expect(row).toMatch(/^099a8057\s+bugfix\s+normal\s+queued.*Totals are rounded wrongly$/);
  });

  it("shows why a task is where it is, without its control characters", () => {
    expect(taskLine(aTask({ status: "failed", statusReason: "red\u001b[2J" }), output)).toBe(
      "01890a5d-ac96-774b-bcce-b302099a8057  failed: red",
    );
  });

  it("shows result, branch, commit and evidence of a finished task", () => {
    const text = taskDetails(
      aTask({
        status: "completed",
        result: aResult(),
        startedAt: "2026-01-01T00:00:01.000Z",
        completedAt: "2026-01-01T00:00:03.000Z",
      }),
      output,
    );
    expect(text).toMatch(/^outcome\s+succeeded$/m);
    expect(text).toMatch(/^branch\s+agentvine\/.*\/a1$/m);
    expect(text).toMatch(/^took\s+2\.0 s$/m);
    expect(text).toMatch(/^evidence\s+all checks passed$/m);
  });

  it("leaves out what is not known of a new task", () => {
    expect(taskDetails(aTask(), output)).not.toMatch(/^(why|outcome|waits for)/m);
  });
});
