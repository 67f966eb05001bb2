// Proves that every rule of .dependency-cruiser.cjs still bites.
//
// What: copies the sources to a temporary folder, plants one violation per rule, cruises the copy once and expects each
//   rule to name its own canary. A rule without a canary, a canary that nobody catches and a cruise that sees no
//   modules are failures; the last is how such rules usually die (a parser that no longer reads the sources reports
//   "no violations").
// When: part of `npm run check`. The working tree is only read, so it may hold unfinished work.
// How: `npx tsx scripts/boundary-canaries.ts`
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { copySources, plant } from "./canary-copy.ts";
import { repositoryRoot } from "./repository-files.ts";

/** Files to plant, by path; the rule must name one of them. */
type Canary = Record<string, string>;

const imports = (specifier: string) =>
  `import * as planted from "${specifier}";\nexport const canary = planted;\n`;
const empty = "export const canary = 1;\n";
const own = "backend/src/modules/canaries";
const other = "backend/src/modules/other-canaries";

/** One violation per rule. A canary is named after its rule, so that no two are mistaken for one another. */
export const canaries: Record<string, Canary> = {
  "no-cycles": {
    "workers/src/canary-no-cycles.ts": imports("./canary-cycle-end.ts"),
    "workers/src/canary-cycle-end.ts": imports("./canary-no-cycles.ts"),
  },
  "no-unresolved-imports": { "workers/src/canary-unresolved.ts": imports("./canary-that-is-nowhere.ts") },
  "no-tests-in-production-code": {
    "workers/src/canary-imports-test.ts": imports("./canary-suite.test.ts"),
    "workers/src/canary-suite.test.ts": empty,
  },
  "testkit-in-tests-only": { "workers/src/canary-testkit.ts": imports("@agentvine/testkit") },
  "apps-are-islands": {
    "cli/src/canary-app.ts": imports("../../backend/src/canary-app-target.ts"),
    "backend/src/canary-app-target.ts": empty,
  },
  "packages-below-apps": {
    "packages/kit/src/canary-app.ts": imports("../../../workers/src/canary-app-target.ts"),
    "workers/src/canary-app-target.ts": empty,
  },
  "contracts-need-only-zod": { "packages/contracts/src/canary-contracts.ts": imports("node:fs") },
  "client-knows-only-contracts": { "packages/client/src/canary-client.ts": imports("@agentvine/kit") },
  "client-runs-in-browsers": { "packages/client/src/canary-browser.ts": imports("node:http") },
  "policy-knows-only-contracts": { "packages/policy/src/canary-policy.ts": imports("@agentvine/kit") },
  "policy-decided-in-one-place": { "workers/src/canary-policy.ts": imports("@agentvine/policy") },
  "kit-knows-only-contracts": { "packages/kit/src/canary-kit.ts": imports("@agentvine/client") },
  "postgres-knows-only-kit": { "packages/postgres/src/canary-postgres.ts": imports("@agentvine/contracts") },
  "postgres-started-by-backend-only": { "cli/src/canary-postgres.ts": imports("@agentvine/postgres") },
  "scripted-model-stands-alone": {
    "packages/scripted-model/src/canary-scripted.ts": imports("@agentvine/kit"),
  },
  "scripted-model-in-demo-and-tests-only": {
    "workers/src/canary-scripted.ts": imports("@agentvine/scripted-model"),
  },
  "only-backend-holds-the-database": { "workers/src/canary-database.ts": imports("bullmq") },
  "module-door": {
    [`${other}/canary-door.service.ts`]: imports("../canaries/canary-inner.service.ts"),
    [`${own}/canary-inner.service.ts`]: empty,
  },
  "domain-is-pure": {
    [`${own}/canary-domain.ts`]: imports("./canary-domain.repository.ts"),
    [`${own}/canary-domain.repository.ts`]: empty,
  },
  "only-repositories-speak-sql": { [`${own}/canary-sql.service.ts`]: imports("drizzle-orm") },
  "routes-go-through-services": {
    [`${own}/canary-shortcut.routes.ts`]: imports("./canary-shortcut.repository.ts"),
    [`${own}/canary-shortcut.repository.ts`]: empty,
  },
  "services-know-no-transport": { [`${own}/canary-transport.service.ts`]: imports("fastify") },
  "drivers-are-islands": {
    "workers/src/agents/canary-one/canary-driver.ts": imports("../canary-two/canary-driver.ts"),
    "workers/src/agents/canary-two/canary-driver.ts": empty,
  },
  "relay-holds-nothing": {
    "workers/src/relay/program/canary-link.ts": imports("../canary-step.ts"),
    "workers/src/relay/canary-step.ts": imports("@agentvine/client"),
  },
  "supervisor-never-loads-model-code": {
    "workers/src/base/canary-supervisor.ts": imports("../canary-step.ts"),
    "workers/src/canary-step.ts": imports("@ai-sdk/anthropic"),
  },
};

interface Violation {
  rule: { name: string };
  from: string;
}

interface CruiseResult {
  summary: { totalCruised: number; violations: Violation[] };
}

const configFile = ".dependency-cruiser.cjs";

/** The names of the rules in the configuration of the tree at `root`. */
export function ruleNames(root: string): string[] {
  const config = createRequire(import.meta.url)(join(root, configFile)) as { forbidden: { name: string }[] };
  return config.forbidden.map(({ name }) => name);
}

/** Every complaint about the rules of the tree copied to `copy`, planting the canaries there; empty when all bite. */
export function plantAndCruise(copy: string): string[] {
  for (const canary of Object.values(canaries)) plant(copy, canary);
  const { summary } = cruise(copy);
  if (summary.totalCruised === 0) return ["no module was cruised: the tool does not see the sources"];
  return [...unguarded(ruleNames(copy)), ...missed(summary.violations)];
}

function unguarded(rules: string[]): string[] {
  return rules.filter((name) => canaries[name] === undefined).map((name) => `rule ${name} has no canary`);
}

function missed(violations: Violation[]): string[] {
  return Object.entries(canaries)
    .filter(([name, canary]) => !violations.some(({ rule, from }) => rule.name === name && from in canary))
    .map(([name, canary]) => `rule ${name} did not catch ${Object.keys(canary)[0]}`);
}

function cruise(root: string): CruiseResult {
  const command = join(repositoryRoot, "node_modules/.bin/depcruise");
  const folders = ["backend", "workers", "controller", "cli", "packages"];
  const argv = ["--config", configFile, "--output-type", "json", ...folders];
  const { stdout, stderr, error } = spawnSync(command, argv, {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 256 * 1024 * 1024,
  });
  if (error !== undefined) throw error;
  if (stdout === "") throw new Error(`${basename(command)} said nothing: ${stderr}`);
  return JSON.parse(stdout) as CruiseResult;
}

function run(): number {
  const copy = copySources();
  try {
    const problems = plantAndCruise(copy);
    for (const problem of problems) console.error(problem);
    if (problems.length === 0) console.log(`${Object.keys(canaries).length} canaries, all caught`);
    return problems.length === 0 ? 0 : 1;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) process.exitCode = run();
