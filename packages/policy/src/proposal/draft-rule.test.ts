import type { PolicyFacts, PolicyRule } from "@agentvine/contracts";
import { describe, expect, test } from "vitest";
import { decide } from "../decide.ts";
import { aClarification, ruleSetOf, someFacts } from "../testing/facts.ts";
import { draftRule } from "./draft-rule.ts";

const draft = (facts: PolicyFacts, decision: "allow" | "deny" = "allow") =>
  draftRule(facts, { decision, description: "As a person said.", suffix: "abc123" });
const mustDraft = (facts: PolicyFacts, decision: "allow" | "deny" = "allow"): PolicyRule => {
  const drafted = draft(facts, decision);
  if (!drafted.isPossible) throw new Error(drafted.reason);
  return drafted.rule;
};
const toRun = (command: string, changed: Parameters<typeof someFacts>[0] = {}) =>
  someFacts({ ...changed, tool: { command, ...changed.tool } });
const kindOf = (rule: PolicyRule, facts: PolicyFacts) => decide(facts, ruleSetOf(rule)).kind;

describe("an allowed command", () => {
  test("becomes a rule about these words, this tool, repository and type of task, and nothing of people alone", () => {
    expect(mustDraft(toRun("npm  run build"))).toEqual({
      id: "allow.npm-run-build.abc123",
      description: "As a person said.",
      effect: "allow",
      kinds: ["approval"],
      subjects: ["tool_call"],
      tools: ["bash"],
      toolClasses: ["command"],
      commands: ["npm run build"],
      repositories: ["git.example/shop"],
      when:
        'task.type == "feature" && task.permissionLevel != "human_required" && task.priority != "critical" && ' +
        "worker.isConfined",
    });
  });

  test.each<[string, PolicyFacts]>([
    ["further words", toRun("npm run build --force")],
    ["another word", toRun("npm run deploy")],
    ["a second command", toRun("npm run build && rm -rf .")],
    ["a redirection", toRun("npm run build > out.txt")],
    ["another tool", toRun("npm run build", { tool: { name: "shell" } })],
    ["another class", toRun("npm run build", { tool: { toolClass: "network" } })],
    ["another repository", toRun("npm run build", { repository: { key: "git.example/shop2" } })],
    ["another type of task", toRun("npm run build", { task: { type: "bugfix" } })],
    ["a human_required task", toRun("npm run build", { task: { permissionLevel: "human_required" } })],
    ["a critical task", toRun("npm run build", { task: { priority: "critical" } })],
    ["an agent that nothing confines", toRun("npm run build", { worker: { isConfined: false } })],
  ])("covers not %s", (_name, facts) => {
    const rule = mustDraft(toRun("npm run build"));
    expect(kindOf(rule, toRun("npm run build"))).toBe("allow");
    expect(kindOf(rule, facts)).toBe("human");
  });

  test.each([
    "npm ci && npm test",
    'git commit -m "mend it"',
    "npm test > log.txt",
    "timeout 60 npm test",
    "CI=1 npm test",
    "cat <<'END' > a.txt\nhello\nEND",
    'printf "%s\\n" a\\tb',
  ])("of more than plain words is held to the very line: %s", (command) => {
    const rule = mustDraft(toRun(command));
    expect(rule.commands).toBeUndefined();
    expect(rule.when).toContain("tool.command == ");
    expect(kindOf(rule, toRun(command))).toBe("allow");
    for (const other of [`${command} `, `${command}; npm test`, "npm test", command.toUpperCase()])
      expect(kindOf(rule, toRun(other)), other).toBe("human");
  });

  test.each([
    ["npm test $(", "can't be judged"],
    ["eval $X", "can't be judged"],
    ["cat $HOME/.ssh/id_rsa", "only the shell can tell"],
    ["npm test > $OUT", "only the shell can tell"],
    ["PATH=/tmp:/bin npm test", "it sets PATH"],
    ["TOKEN=1 npm test", "it sets TOKEN"],
    [`echo ${"x".repeat(3_000)}`, "too long"],
  ])("that can't be told from others makes no rule, and says why: %s", (command, reason) => {
    for (const decision of ["allow", "deny"] as const)
      expect(draft(toRun(command), decision)).toEqual({
        isPossible: false,
        reason: expect.stringContaining(reason),
      });
  });
});

describe("a denied command", () => {
  test("becomes a denial of these words, in this repository and for this type of task, also behind a path", () => {
    const rule = mustDraft(toRun("/usr/bin/rm -rf build"), "deny");
    expect(rule).toMatchObject({
      effect: "deny",
      commands: ["rm -rf build"],
      when: 'task.type == "feature"',
    });
    for (const command of ["rm -rf build", "/bin/rm -rf build", "npm test; rm -rf build"])
      expect(kindOf(rule, toRun(command)), command).toBe("deny");
    for (const command of ["rm -rf dist", "npm test"])
      expect(kindOf(rule, toRun(command)), command).toBe("human");
    expect(kindOf(rule, toRun("rm -rf build", { task: { type: "docs" } }))).toBe("human");
  });

  test("of several commands denies that very line, not each of them", () => {
    const rule = mustDraft(toRun("npm test && rm -rf build"), "deny");
    expect(kindOf(rule, toRun("npm test && rm -rf build"))).toBe("deny");
    expect(kindOf(rule, toRun("npm test"))).toBe("human");
  });
});

describe("a call without a command", () => {
  const edit = (...paths: string[]) =>
    someFacts({ tool: { name: "write_file", toolClass: "edit", command: null, paths } });

  test("is held to its paths", () => {
    const rule = mustDraft(edit("src/a.ts"));
    expect(rule).toMatchObject({ id: "allow.write-file-src-a-ts.abc123", paths: ["src/a.ts"] });
    expect(kindOf(rule, edit("src/a.ts"))).toBe("allow");
    for (const paths of [["src/b.ts"], ["src/a.ts", "src/b.ts"], ["../src/a.ts"], []])
      expect(kindOf(rule, edit(...paths))).toBe("human");
  });

  test.each([
    [[], "neither a command nor a path"],
    [["src/*.ts"], "can't be written"],
    [["src/"], "can't be written"],
    [["a/../b"], ".."],
  ])("of paths that are none or mean more makes no rule: %j", (paths, reason) => {
    expect(draft(edit(...paths))).toEqual({ isPossible: false, reason: expect.stringContaining(reason) });
  });

  test("of several paths is no denial of each", () => {
    expect(draft(edit("a", "b"), "deny")).toMatchObject({ isPossible: false });
    expect(mustDraft(edit("a"), "deny")).toMatchObject({ paths: ["a"] });
  });
});

describe("no rule is made of", () => {
  test.each<[string, PolicyFacts]>([
    ["a question", aClarification()],
    ["a plan", someFacts({ request: { subject: "plan" }, tool: null })],
    ["leave for a human_required task", toRun("npm test", { task: { permissionLevel: "human_required" } })],
    ["leave for a critical task", toRun("npm test", { task: { priority: "critical" } })],
    ["a tool called with a star", toRun("npm test", { tool: { name: "b*" } })],
    ["a repository called with a star", toRun("npm test", { repository: { key: "/srv/*" } })],
  ])("%s", (_name, facts) => {
    expect(draft(facts)).toEqual({ isPossible: false, reason: expect.stringMatching(/\w/) });
  });
});
