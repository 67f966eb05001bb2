import { type TaskEvent, taskMachine } from "@agentvine/contracts";
import { describe, expect, it } from "vitest";
import { blockedReason, eventOfMove, moveOf } from "./task.ts";

describe("moves of a task", () => {
  it("each lead to exactly one status, so that a move can be saved by comparing the old one", () => {
    for (const event of Object.keys(eventOfMove) as TaskEvent[]) {
      const targets = taskMachine.transitions.filter((row) => row.event === event).map((row) => row.to);
      expect(new Set(targets).size).toBe(1);
      expect(moveOf(event).to).toBe(targets[0]);
    }
  });
});

describe("why a task is blocked", () => {
  it("names a failed or cancelled dependency first and says what to do", () => {
    const reason = blockedReason([
      { title: "a", status: "in_progress" },
      { title: "b", status: "failed" },
    ]);
    expect(reason).toBe('Waits for "b", which failed. Retry it or remove the dependency.');
    expect(blockedReason([{ title: "c", status: "cancelled" }])).toBe(
      'Waits for "c", which was cancelled. Remove the dependency.',
    );
  });

  it("counts the others and shortens long titles", () => {
    const reason = blockedReason([
      { title: "x".repeat(100), status: "queued" },
      { title: "b", status: "completed" },
      { title: "c", status: "queued" },
    ]);
    expect(reason).toBe(`Waits for "${"x".repeat(59)}…" and 1 more.`);
  });

  it("is nothing once all is completed", () => {
    expect(blockedReason([{ title: "a", status: "completed" }])).toBeUndefined();
    expect(blockedReason([])).toBeUndefined();
  });
});
