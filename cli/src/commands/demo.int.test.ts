import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { runCommand } from "../testing/run-command.ts";

const environment = {
  PATH: process.env.PATH ?? "",
  HOME: process.env.HOME ?? "/",
  ANTHROPIC_API_KEY: "sk-never-used",
};

describe("demo", () => {
  it("completes its four tasks and prints one object that tells where the branches are", {
    timeout: 120_000,
  }, async () => {
    const { code, stdout, stderr } = await runCommand({ environment }, ["demo", "--once", "--json"]);
    expect(stderr).toContain("scripted model: says nothing about model quality");
    expect(stderr).toMatch(/bugfix +refused +gate round 1:/);
    expect(stderr).toContain("4 of 4 tasks completed");
    const result = JSON.parse(stdout) as {
      ok: boolean;
      tasks: { type: string; status: string; repository: string }[];
      requests: { taskType: string; kind: string; source: string; by: string; citations: object[] }[];
    };
    expect(result.ok).toBe(true);
    expect(result.tasks.map((task) => [task.type, task.status]).toSorted()).toEqual([
      ["bugfix", "completed"],
      ["docs", "completed"],
      ["feature", "completed"],
      ["test", "completed"],
    ]);
    expect(
      result.requests.map(({ taskType, kind, source, by }) => [taskType, kind, source, by]).toSorted(),
    ).toEqual([
      ["docs", "approval", "rule", "rule demo.run-examples"],
      ["feature", "clarification", "controller", expect.stringContaining("controller")],
      ["test", "approval", "person", "stand-in person"],
    ]);
    expect(result.requests.find(({ taskType }) => taskType === "feature")?.citations).toMatchObject([
      {
        kind: "document",
        title: "House rules for options",
        version: 1,
        quote: expect.stringContaining("RangeError"),
      },
    ]);
    expect(stderr).toMatch(/test +approval +node --test .*allowed by stand-in person/);
    expect(result.tasks.every((task) => existsSync(task.repository))).toBe(true);
    expect(code).toBe(0);
  });

  it("refuses a real model without a sandbox, naming the remedy", async () => {
    const { code, stderr } = await runCommand({ environment }, ["demo", "--model", "anthropic/any"]);
    expect(code).toBe(2);
    expect(stderr).toContain("--accept-no-sandbox");
  });
});
