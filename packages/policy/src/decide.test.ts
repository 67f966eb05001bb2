import { type PolicyRule, toolClasses } from "@agentvine/contracts";
import { describe, expect, test } from "vitest";
import { decide, engineRuleIds } from "./decide.ts";
import { preAllowed } from "./pre-allowed.ts";
import { presets } from "./presets.ts";
import { aClarification, ruleSetOf, someFacts } from "./testing/facts.ts";

const strict = presets.default.ruleSet;
const noSandbox = presets["no-sandbox"].ruleSet;
const none = { sandbox: "none", isConfined: false } as const;
const kindOf = (facts: ReturnType<typeof someFacts>, set = strict) => decide(facts, set).kind;

describe("the default policy", () => {
  test.each(["read", "edit", "test", "command", "network", "outside_workspace"] as const)(
    "of what a confined agent does, reads, edits and tests are free: %s",
    (toolClass) => {
      const isFree = ["read", "edit", "test"].includes(toolClass);
      expect(kindOf(someFacts({ tool: { toolClass } }))).toBe(isFree ? "allow" : "human");
    },
  );

  test("without a sandbox only reading is free", () => {
    expect(preAllowed(someFacts({ worker: none }), strict)).toEqual([
      { toolClass: "read", ruleId: "default.read" },
    ]);
  });

  test.each([{ permissionLevel: "human_required" }, { priority: "critical" }] as const)(
    "a person decides everything but reading about a task that is %j",
    (task) => {
      expect(preAllowed(someFacts({ task }), strict).map((one) => one.toolClass)).toEqual(["read"]);
      expect(preAllowed(someFacts({ task, worker: none }), noSandbox).map((one) => one.toolClass)).toEqual([
        "read",
      ]);
      expect(kindOf(someFacts({ task, tool: { toolClass: "edit" } }))).toBe("human");
      expect(kindOf(aClarification({ task: { permissionLevel: "autonomous", ...task } }))).toBe("human");
    },
  );

  test("a model may clarify what autonomous tasks ask, and nothing else", () => {
    const task = { permissionLevel: "autonomous" } as const;
    expect(kindOf(aClarification({ task }))).toBe("automated");
    expect(kindOf(aClarification({}))).toBe("human");
    expect(kindOf(aClarification({ task, request: { kind: "question" } }))).toBe("human");
    expect(kindOf(someFacts({ task, tool: { toolClass: "network" } }))).toBe("human");
  });

  test("a plan is never allowed by a rule that does not speak of plans", () => {
    const plan = someFacts({ request: { subject: "plan" }, tool: { name: "plan", toolClass: "read" } });
    expect(kindOf(plan)).toBe("human");
    expect(kindOf(plan, ruleSetOf({ id: "a", effect: "allow" }))).toBe("human");
    expect(kindOf(plan, ruleSetOf({ id: "a", effect: "allow", subjects: ["plan"] }))).toBe("allow");
  });

  test("an unanswered approval is denied, an unanswered question is told so", () => {
    expect(decide(someFacts(), strict)).toMatchObject({ onTimeout: "deny", deadlineSeconds: 86_400 });
    expect(decide(aClarification(), strict)).toMatchObject({ onTimeout: "no_answer" });
  });
});

test("no-sandbox is the default policy and one rule that says what the operator accepted", () => {
  const ids = (rules: readonly PolicyRule[]) => rules.map(({ id }) => id);
  const added = ids(presets["no-sandbox"].rules.rules).filter(
    (id) => !ids(presets.default.rules.rules).includes(id),
  );
  expect(added).toEqual(["no-sandbox.accepted"]);
  expect(preAllowed(someFacts({ worker: none }), noSandbox).map((one) => one.toolClass)).toEqual([
    "read",
    "edit",
    "test",
    "command",
  ]);
  expect(preAllowed(someFacts(), noSandbox)).toEqual(preAllowed(someFacts(), strict));
});

describe("rules", () => {
  const allow: PolicyRule = { id: "allow", effect: "allow", toolClasses: ["command"] };

  test("the first that matches wins, and a denial anywhere outranks it", () => {
    const human: PolicyRule = { id: "human", effect: "human" };
    const deny: PolicyRule = { id: "deny", effect: "deny", tools: ["ba*"] };
    expect(decide(someFacts(), ruleSetOf(human, allow)).ruleId).toBe("human");
    expect(decide(someFacts(), ruleSetOf(allow, human)).ruleId).toBe("allow");
    expect(decide(someFacts(), ruleSetOf(allow, human, deny)).ruleId).toBe("deny");
    expect(decide(someFacts({ tool: { name: "zsh" } }), ruleSetOf(allow, human, deny)).ruleId).toBe("allow");
  });

  test("what no rule is about is a person's", () => {
    expect(decide(someFacts(), ruleSetOf())).toMatchObject({ kind: "human", ruleId: engineRuleIds.noRule });
  });

  test("a model gets no approval unless a rule names approvals", () => {
    expect(kindOf(someFacts(), ruleSetOf({ id: "a", effect: "automated" }))).toBe("human");
    expect(kindOf(someFacts(), ruleSetOf({ id: "a", effect: "automated", kinds: ["approval"] }))).toBe(
      "automated",
    );
  });

  test("a condition that can't be judged lets nothing through", () => {
    const when = 'tool.arguments.force == "no"';
    expect(kindOf(someFacts(), ruleSetOf({ ...allow, when }))).toBe("human");
    expect(kindOf(someFacts(), ruleSetOf({ id: "d", effect: "deny", when }, allow))).toBe("deny");
    expect(
      decide(someFacts(), ruleSetOf({ id: "m", effect: "automated", kinds: ["approval"], when })),
    ).toMatchObject({ kind: "human", ruleId: "m" });
  });

  test("paths: an allowance needs all of them inside, a denial one", () => {
    const inside = ruleSetOf({ id: "a", effect: "allow", toolClasses: ["edit"], paths: ["src/**", "*.md"] });
    const edit = (...paths: string[]) => someFacts({ tool: { toolClass: "edit", command: null, paths } });
    expect(kindOf(edit("src/a.ts", "README.md", "src/[id]/x.ts"), inside)).toBe("allow");
    for (const paths of [
      ["src/a.ts", "package.json"],
      ["src/../package.json"],
      ["../src/a.ts"],
      ["/src/a.ts"],
      ["~/src/a.ts"],
      ["~/../src/a.ts"],
      ["src/../../src/a"],
      ["docs/README.md"],
      [],
    ]) {
      expect([paths, kindOf(edit(...paths), inside)]).toEqual([paths, "human"]);
    }
    const denying = ruleSetOf(
      { id: "d", effect: "deny", paths: ["**/.env", "**/*.{pem,key}"] },
      {
        id: "a",
        effect: "allow",
      },
    );
    for (const path of ["a/.env", ".ENV", "/home/x/.env", "../.env", "x.pem", "src/../a.key"]) {
      expect([path, kindOf(edit("src/a.ts", path), denying)]).toEqual([path, "deny"]);
    }
    expect(kindOf(someFacts({ tool: { command: "cat config/.env" } }), denying)).toBe("deny");
    expect(kindOf(someFacts({ tool: { command: "cat --file=.env" } }), denying)).toBe("deny");
    const secrets = ruleSetOf(
      { id: "d", effect: "deny", paths: ["secrets/**"] },
      { id: "a", effect: "allow", toolClasses: ["command"] },
    );
    const cat = (line: string) => kindOf(someFacts({ tool: { command: line } }), secrets);
    expect(cat("cat src/../secrets/key")).toBe("deny");
    expect(cat("cat /workspace/secrets/key")).toBe("deny");
    expect(cat("cat ../shop/secrets/key")).toBe("deny");
    expect(cat("cd src && cat ../secrets/key")).toBe("deny");
    // Which file that is depends on what the line did before.
    expect(cat("cd secrets/deep && cat ../key")).toBe("deny");
    expect(cat("cd $X && cat key")).toBe("human");
    expect(cat("cd src && cat ../key")).toBe("human");
    expect(cat("cd src && cat main.ts")).toBe("allow");
    expect(kindOf(someFacts({ tool: { command: "cat $X" } }), denying)).toBe("human");
    expect(kindOf(someFacts({ tool: { command: "cat a" } }), denying)).toBe("allow");
  });

  test("a repository is told by its key", () => {
    const rules = ruleSetOf({ ...allow, repositories: ["git.example/*"] });
    expect(kindOf(someFacts(), rules)).toBe("allow");
    expect(kindOf(someFacts({ repository: { key: "evil.example/git.example/x" } }), rules)).toBe("human");
  });

  test("what a rule says of deadline, time-out and escalation is in the decision", () => {
    const escalation = [{ afterSeconds: 60, to: "everybody" }];
    const rules = ruleSetOf({
      id: "h",
      effect: "human",
      reason: "because",
      deadlineSeconds: 120,
      onTimeout: "escalate",
      escalation,
    });
    expect(decide(someFacts(), rules)).toEqual({
      kind: "human",
      ruleId: "h",
      reason: "because",
      deadlineSeconds: 120,
      onTimeout: "escalate",
      escalation,
    });
  });
});

describe("a decision is bounded", () => {
  const timed = (run: () => void) => {
    const startedAt = performance.now();
    run();
    return performance.now() - startedAt;
  };
  const paths = Array.from({ length: 1_000 }, (_, index) => `${"a/".repeat(500)}${index}`);

  test("rules that would take for ever make it a person's, quickly", () => {
    const expensive = ruleSetOf(
      ...Array.from(
        { length: 200 },
        (_, index): PolicyRule => ({
          id: `r${index}`,
          effect: "allow",
          when: 'tool.paths.all(p, p.matches("(a|a)*(a|a)*(a|a)*b"))',
        }),
      ),
    );
    let ruleId = "";
    expect(
      timed(() => {
        ruleId = decide(someFacts({ tool: { command: null, paths } }), expensive).ruleId;
      }),
    ).toBeLessThan(2_000);
    expect(ruleId).toBe(engineRuleIds.overBudget);
  });

  test("globs that go back and forth end too", () => {
    const globs = ruleSetOf({
      id: "g",
      effect: "deny",
      paths: Array.from({ length: 200 }, (_, index) => `**/a/**/*a*a*a*${index}x`),
    });
    const facts = someFacts({ tool: { command: null, paths } });
    expect(timed(() => decide(facts, globs))).toBeLessThan(2_000);
    expect(kindOf(facts, globs)).toBe("human");
  });

  test("an expression of the catastrophic kind takes time in proportion to the text", () => {
    const hidden = 'request.question // matches\n.matches("^(a+)+$")';
    expect(() => ruleSetOf({ id: "x", effect: "deny", when: hidden })).toThrow(/right behind/);
    const rules = ruleSetOf({ id: "x", effect: "deny", when: 'request.question.matches("^(a+)+$")' });
    const question = `${"a".repeat(15_000)}!`;
    expect(timed(() => decide(someFacts({ request: { question } }), rules))).toBeLessThan(1_000);
  });
});

test("the classes of the lease come with their rules", () => {
  const classes = preAllowed(someFacts(), ruleSetOf({ id: "all", effect: "allow" }));
  expect(classes).toEqual(toolClasses.map((toolClass) => ({ toolClass, ruleId: "all" })));
});
