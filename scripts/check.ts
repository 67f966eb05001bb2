// `npm run check`: everything about the tree that can be judged without running it. Steps go from quick to slow, print
// their name and time, and the first failure ends the check with the step's own output.
//
// How: `npm run check`, or `npx tsx scripts/check.ts <step>…` for single steps.
import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";
import { repositoryRoot } from "./repository-files.ts";

interface Step {
  name: string;
  /** Program and arguments; programs of node_modules are found by name. */
  argv: [string, ...string[]];
  /** What to do about a failure. */
  remedy: string;
}

const script = (name: string): [string, ...string[]] => [
  process.execPath,
  "--import",
  "tsx",
  `scripts/${name}.ts`,
];

const steps: Step[] = [
  { name: "format and lint", argv: ["biome", "check", "--error-on-warnings"], remedy: "npm run check:fix" },
  { name: "file rules", argv: script("repository-rules"), remedy: "rename, split or clean the file" },
  {
    name: "lockfile",
    argv: script("complete-lockfile"),
    remedy: "npx tsx scripts/complete-lockfile.ts --fix",
  },
  {
    name: "dependency versions",
    argv: ["sherif", "--fail-on-warnings", "--ignore-rule", "root-package-manager-field"],
    remedy: "use one version of a dependency everywhere; npx sherif --fix sorts",
  },
  { name: "migrations", argv: script("check-migrations"), remedy: "npm run db:generate" },
  { name: "types", argv: ["tsc", "-b"], remedy: "mend the types" },
  {
    name: "generated docs",
    argv: [
      process.execPath,
      "--conditions=@agentvine/source",
      "--import",
      "tsx",
      "scripts/generate-docs.ts",
      "--check",
    ],
    remedy: "npm run docs:generate",
  },
  {
    name: "promises",
    argv: ["oxlint", "--type-aware", "--deny-warnings"],
    remedy: "await the promise or say void",
  },
  {
    name: "boundaries",
    argv: [
      "depcruise",
      "--config",
      ".dependency-cruiser.cjs",
      "backend",
      "workers",
      "controller",
      "cli",
      "packages",
      "e2e",
      "bench",
      "scripts",
    ],
    remedy: "import through the allowed door; the rules are explained in .dependency-cruiser.cjs",
  },
  {
    name: "boundary canaries",
    argv: script("boundary-canaries"),
    remedy: "a rule no longer bites: mend the rule",
  },
  {
    name: "lint canaries",
    argv: script("lint-canaries"),
    remedy: "a rule no longer bites: mend the configuration",
  },
  { name: "unused code", argv: ["knip"], remedy: "delete what nobody uses" },
];

const outputBytesMax = 16 * 1024 * 1024;

/** Runs one step; resolves with what it printed and how it ended. */
async function runStep({ argv }: Step): Promise<{ isOk: boolean; output: string }> {
  const [command, ...rest] = argv;
  const path = [join(repositoryRoot, "node_modules/.bin"), process.env.PATH ?? ""].join(delimiter);
  const env = { ...process.env, PATH: path };
  const child = spawn(command, rest, { cwd: repositoryRoot, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const collect = (chunk: string) => {
    if (output.length < outputBytesMax) output += chunk;
  };
  child.stdout.setEncoding("utf8").on("data", collect);
  child.stderr.setEncoding("utf8").on("data", collect);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ isOk: code === 0, output }));
  });
}

const seconds = (startedAt: number) => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;

async function check(wanted: string[]): Promise<number> {
  const unknown = wanted.filter((name) => !steps.some((step) => step.name === name));
  if (unknown.length > 0) {
    console.error(`no such step: ${unknown.join(", ")}; steps: ${steps.map(({ name }) => name).join(", ")}`);
    return 2;
  }
  const startedAt = performance.now();
  for (const step of steps.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
    const stepStartedAt = performance.now();
    const { isOk, output } = await runStep(step);
    console.log(`${isOk ? "ok  " : "FAIL"}  ${step.name.padEnd(20)} ${seconds(stepStartedAt)}`);
    if (!isOk) {
      console.error(`\n${output.trimEnd()}\n\ncheck failed at "${step.name}". What to do: ${step.remedy}`);
      return 1;
    }
  }
  console.log(`check passed in ${seconds(startedAt)}`);
  return 0;
}

process.exitCode = await check(process.argv.slice(2));
