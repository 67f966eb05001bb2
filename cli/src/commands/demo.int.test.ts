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
    };
    expect(result.ok).toBe(true);
    expect(result.tasks.map((task) => [task.type, task.status]).toSorted()).toEqual([
      ["bugfix", "completed"],
      ["docs", "completed"],
      ["feature", "completed"],
      ["test", "completed"],
    ]);
    expect(result.tasks.every((task) => existsSync(task.repository))).toBe(true);
    expect(code).toBe(0);
  });

  it("refuses a real model without a sandbox, naming the remedy", async () => {
    const { code, stderr } = await runCommand({ environment }, ["demo", "--model", "anthropic/any"]);
    expect(code).toBe(2);
    expect(stderr).toContain("--accept-no-sandbox");
  });
});
