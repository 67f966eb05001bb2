import { type PolicyFacts, type PolicyRule, ruleEffects, toolClasses } from "@agentvine/contracts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { compileRules } from "./compile-rules.ts";
import { decide, decideInOrder } from "./decide.ts";
import { Subject } from "./match-rule.ts";
import { Budget } from "./matching/budget.ts";
import { preAllowed } from "./pre-allowed.ts";
import { ruleSetOf, someFacts } from "./testing/facts.ts";

const commands = ["npm test", "npm *", "git push *", "rm *", "ls *"];
const lines = ["npm test", "ls -la", "git push", "rm -rf x", "$X", "ls; rm x", "echo 'open", "npm run a > b"];
const conditions = [
  "worker.isConfined",
  'worker.sandbox == "none"',
  'task.priority == "critical"',
  'task.permissionLevel != "human_required"',
  '"gpu" in worker.labels',
  'tool.name == "bash"',
  'tool.command.contains("rm")',
  'tool.paths.exists(p, p.startsWith("src/"))',
  "tool.arguments.force == true",
  'request.question.contains("please")',
  'repository.key.startsWith("git.example/")',
];
const someOf = <T>(values: readonly T[]) => fc.subarray([...values], { minLength: 1 });

const plainRule = (index: number): fc.Arbitrary<PolicyRule> =>
  fc
    .record({ effect: fc.constantFrom("allow" as const, "human" as const), toolClasses: someOf(toolClasses) })
    .map((fields) => ({ ...fields, id: `r${index}` }));

const richRule = (index: number): fc.Arbitrary<PolicyRule> =>
  fc
    .record(
      {
        effect: fc.constantFrom(...ruleEffects),
        toolClasses: someOf(toolClasses),
        subjects: someOf(["tool_call", "plan", "text"] as const),
        kinds: someOf(["approval", "question", "clarification"] as const),
        tools: someOf(["bash", "b*", "read_file"]),
        commands: someOf(commands),
        paths: someOf(["src/**", "**/.env"]),
        repositories: someOf(["git.example/*", "other.example/*"]),
        when: fc.constantFrom(...conditions),
      },
      { requiredKeys: ["effect"] },
    )
    .map((fields): PolicyRule => {
      const { kinds, ...rest } = fields;
      return {
        ...rest,
        ...(kinds === undefined || rest.effect === "allow" ? {} : { kinds }),
        id: `r${index}`,
      };
    });

const rule = (index: number): fc.Arbitrary<PolicyRule> => fc.oneof(plainRule(index), richRule(index));

const rules = fc
  .integer({ min: 0, max: 7 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => rule(index))));

const facts: fc.Arbitrary<PolicyFacts> = fc
  .record({
    toolClass: fc.constantFrom(...toolClasses),
    name: fc.constantFrom("bash", "read_file", "zsh"),
    command: fc.constantFrom(null, ...lines),
    paths: fc.subarray(["src/a.ts", ".env", "../x", "/etc/passwd"]),
    force: fc.option(fc.boolean(), { nil: undefined }),
    isConfined: fc.boolean(),
    priority: fc.constantFrom("normal" as const, "critical" as const),
    permissionLevel: fc.constantFrom("autonomous" as const, "human_required" as const),
    labels: fc.subarray(["gpu", "linux"]),
    key: fc.constantFrom("git.example/a", "other.example/b"),
    question: fc.constantFrom("please", "now"),
  })
  .map(
    ({
      toolClass,
      name,
      command,
      paths,
      force,
      isConfined,
      priority,
      permissionLevel,
      labels,
      key,
      question,
    }) =>
      someFacts({
        request: { question },
        tool: { toolClass, name, command, paths, arguments: force === undefined ? {} : { force } },
        worker: { isConfined, sandbox: isConfined ? "bubblewrap" : "none", labels },
        task: { priority, permissionLevel },
        repository: { key },
      }),
  );

const compiled = (source: readonly PolicyRule[]) => {
  const result = compileRules({ rules: [...source] });
  if (!result.isValid) throw new Error(JSON.stringify(result.issues));
  return result.ruleSet;
};
/** What the rules say one by one, without the short cut for classes. */
const judged = (one: PolicyFacts, source: readonly PolicyRule[]) =>
  decideInOrder(new Subject(one, new Budget()), compiled(source));

test("a class that the lease pre-allows is one of which every call would be allowed", () => {
  let preAllowing = 0;
  fc.assert(
    fc.property(rules, facts, (source, one) => {
      const { task, worker, repository } = one;
      for (const { toolClass } of preAllowed({ task, worker, repository }, compiled(source))) {
        preAllowing += 1;
        const call = { ...one, tool: one.tool === null ? null : { ...one.tool, toolClass } };
        expect(judged(call, source).kind).toBe("allow");
      }
    }),
    { numRuns: 4_000 },
  );
  expect(preAllowing).toBeGreaterThan(50);
});

test("the short cut for classes decides as the rules one by one", () => {
  fc.assert(
    fc.property(rules, facts, (source, one) => {
      expect(decide(one, compiled(source)).kind).toBe(judged(one, source).kind);
    }),
    { numRuns: 1_500 },
  );
});

test("a denial more never lets anything through that was not let through before", () => {
  fc.assert(
    fc.property(rules, rule(99), facts, fc.nat(), (source, more, one, place) => {
      const at = place % (source.length + 1);
      const kinds = [
        judged(one, source).kind,
        judged(one, source.toSpliced(at, 0, { ...more, effect: "deny" })).kind,
      ];
      expect(kinds[1] === "allow" && kinds[0] !== "allow").toBe(false);
    }),
    { numRuns: 1_500 },
  );
});

const listed = ["npm test", "git status", "echo hello", "ls -la src", "cat a.txt"];
const allowing = ruleSetOf({
  id: "listed",
  effect: "allow",
  commands: ["npm test", "git status", "echo *", "ls *", "cat *", "true"],
});
/** As one word of a shell line. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** Every way to run one more command beside, before or within another. */
const ways: ((known: string, evil: string) => string)[] = [
  (known, evil) => `${known} && ${evil}`,
  (known, evil) => `${evil} && ${known}`,
  (known, evil) => `${known}; ${evil}`,
  (known, evil) => `${known} | ${evil}`,
  (known, evil) => `${evil} | ${known}`,
  (known, evil) => `${known} & ${evil}`,
  (known, evil) => `${known}\n${evil}`,
  (known, evil) => `${known} || ${evil}`,
  (known, evil) => `(${known}; ${evil})`,
  (known, evil) => `{ ${evil}; ${known}; }`,
  (known, evil) => `echo "$(${evil})" && ${known}`,
  (known, evil) => `echo \`${evil.replace(/[\\`]/g, "\\$&")}\`; ${known}`,
  (known, evil) => `cat <(${evil}); ${known}`,
  (known, evil) => `cat <<E\n$(${evil})\nE\n${known}`,
  (known, evil) => `if ${evil}; then ${known}; fi`,
  (known, evil) => `for f in $(${evil}); do ${known}; done`,
  (known, evil) => `for f in a; do ${evil}; ${known}; done`,
  (known, evil) => `case a in a) ${evil};; esac; ${known}`,
  (known, evil) => `while ${evil}; do ${known}; done`,
  (known, evil) => `! ${evil}; ${known}`,
  (known, evil) => `timeout 5 ${evil}; ${known}`,
  (known, evil) => `env ${evil}; ${known}`,
  (known, evil) => `nohup ${evil} & ${known}`,
  (known, evil) => `bash -c ${quoted(evil)}; ${known}`,
  (known, evil) => `eval ${quoted(evil)}; ${known}`,
  (known, evil) => `ls | xargs ${evil}; ${known}`,
  (known, evil) => `x=$(${evil}); ${known}`,
  (known, evil) => `CI=$(${evil}) ${known}`,
  (known, evil) => `${known} > $(${evil})`,
  (known, evil) => `echo \${x:-$(${evil})}; ${known}`,
];

test("a command that is not listed is never allowed, however it is combined with listed ones", () => {
  const evil = fc.constantFrom(
    "evil",
    "rm -rf x",
    "./ls",
    "sudo ls",
    "git push",
    "npm install left-pad",
    "$X",
  );
  const line = fc
    .tuple(
      fc.constantFrom(...listed),
      evil,
      fc.array(fc.constantFrom(...ways), { minLength: 1, maxLength: 3 }),
    )
    .map(([known, one, chosen]) => chosen.reduce<string>((inner, way) => way(known, inner), one));
  fc.assert(
    fc.property(line, (command) => {
      expect(decide(someFacts({ tool: { command } }), allowing).kind).toBe("human");
    }),
    { numRuns: 3_000 },
  );
});

test("the same ways to combine listed commands alone are mostly allowed: the rule does not refuse by accident", () => {
  const allowed = ways.filter(
    (way) => decide(someFacts({ tool: { command: way("npm test", "true") } }), allowing).kind === "allow",
  );
  expect(allowed.length).toBeGreaterThanOrEqual(ways.length - 3);
});
