import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import {
  type Evidence,
  evidenceSchema,
  type FileChange,
  type Task,
  type TaskType,
} from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { commitFiles, createRepository, git } from "@agentvine/testkit";
import type { Sandbox } from "../../sandbox/sandbox.ts";
import { createSandboxFactory } from "../../sandbox/sandbox-factory.ts";
import type { Checkout, GateInput, TestPlan } from "../../specialized/recipe.ts";
import { recipeFor } from "../../specialized/recipes.ts";
import { setUpCheckout } from "../set-up-checkout.ts";

export interface GateCase {
  readonly type: TaskType;
  readonly base: Readonly<Record<string, string>>;
  /** What the agent hands in: path → content, null deletes. */
  readonly change: Readonly<Record<string, string | null>>;
  readonly plan?: Partial<TestPlan>;
  readonly context?: Readonly<Record<string, unknown>>;
  readonly dirtyPaths?: readonly string[];
  readonly round?: number;
  readonly signal?: AbortSignal;
  /** Linked into every checkout as `node_modules`. */
  readonly nodeModules?: string;
}

export const nodeTestPlan: TestPlan = {
  source: "detected",
  runner: "node:test",
  setupCommand: null,
  testCommand: "node --test",
  coverageCommand: null,
  commandTimeoutMs: 60_000,
  environment: {},
};

const never = new Date(0).toISOString();

export function taskOf(type: TaskType, context: Readonly<Record<string, unknown>> = {}): Task {
  return {
    id: newId(),
    title: "Cart totals are wrong",
    description: "The total forgets quantities.",
    type,
    permissionLevel: "autonomous",
    priority: "normal",
    status: "in_progress",
    statusReason: "",
    repositoryId: newId(),
    repositoryUrl: "/repositories/cart",
    branchName: null,
    issueNumber: null,
    prNumber: null,
    agent: {},
    limits: {},
    requiredLabels: [],
    timeoutSeconds: 3_600,
    context: { ...context },
    metadata: {},
    createdBy: newId(),
    assignedTo: null,
    parentTaskId: null,
    createdByExecutionId: null,
    dependsOn: [],
    attempt: 1,
    runs: 1,
    result: null,
    createdAt: never,
    updatedAt: never,
    startedAt: null,
    completedAt: null,
  };
}

const statuses: Record<string, FileChange["status"]> = {
  A: "added",
  M: "modified",
  D: "deleted",
  R: "renamed",
};

async function changedFiles(repository: string, base: string, result: string): Promise<FileChange[]> {
  const list = await git(repository, "diff", "--name-status", "-M", base, result);
  return list
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [status = "M", ...paths] = line.split("\t");
      return {
        path: paths.at(-1) ?? "",
        status: statuses[status.slice(0, 1)] ?? "modified",
        additions: 1,
        deletions: 0,
      };
    });
}

/** Opens a real sandbox over a directory of the test. */
async function openSandbox(workspaceDir: string, root: string): Promise<Sandbox> {
  const homeDir = join(root, "home");
  const tempDir = join(root, "tmp");
  await mkdir(homeDir, { recursive: true });
  await mkdir(tempDir, { recursive: true });
  const factory = createSandboxFactory("none", {
    acceptNoSandbox: true,
    ...(process.env.PATH === undefined ? {} : { toolPath: process.env.PATH }),
  });
  return await factory.open({ workspaceDir, homeDir, tempDir, executionId: newId() });
}

export interface GateRun {
  readonly evidence: Evidence;
  readonly output: string;
  /** How many checkouts the gate asked for, by kind. */
  readonly checkouts: Readonly<Record<"base" | "result" | "baseWith", number>>;
}

/** Judges a change with a real repository, real checkouts and a real sandbox, as a worker does. */
export async function runGate(root: string, gateCase: GateCase): Promise<GateRun> {
  const { type, base: baseFiles, change } = gateCase;
  const plan = { ...nodeTestPlan, ...gateCase.plan };
  const repository = join(root, "repository");
  const { commit: baseCommit } = await createRepository(repository, { ...baseFiles });
  const resultCommit =
    Object.keys(change).length === 0 ? baseCommit : await commitFiles(repository, { ...change });
  const signal = gateCase.signal ?? new AbortController().signal;
  const counts = { base: 0, result: 0, baseWith: 0 };
  const open = new Set<Sandbox>();
  const closeOnce = async (sandbox: Sandbox): Promise<void> => {
    open.delete(sandbox);
    await sandbox.close();
  };
  let output = "";
  const onOutput = (text: string) => {
    output += text;
  };

  const checkOut = async (
    kind: keyof typeof counts,
    commit: string,
    overlay: readonly string[] = [],
  ): Promise<Checkout> => {
    counts[kind] += 1;
    const directory = join(root, `checkout-${kind}-${counts[kind]}`);
    await git(root, "clone", "--quiet", "--shared", repository, directory);
    await git(directory, "checkout", "--quiet", "--detach", commit);
    if (overlay.length > 0) {
      await git(directory, "checkout", "--quiet", resultCommit, "--", ...overlay);
    }
    if (gateCase.nodeModules !== undefined) {
      await symlink(gateCase.nodeModules, join(directory, "node_modules"));
    }
    const sandbox = await openSandbox(directory, root);
    const checkout = { commit, sandbox };
    const where = kind === "baseWith" ? "new_tests_on_base" : kind;
    try {
      await setUpCheckout(checkout, plan, { where, signal, onOutput });
    } catch (error) {
      await sandbox.close();
      throw error;
    }
    open.add(sandbox);
    return { ...checkout, sandbox: { ...sandbox, close: () => closeOnce(sandbox) } };
  };

  const input: GateInput = {
    task: taskOf(type, gateCase.context),
    plan,
    settings: {
      setupCommand: null,
      testCommand: null,
      coverageCommand: null,
      commandTimeoutSeconds: 60,
      environment: {},
    },
    round: gateCase.round ?? 1,
    base: () => checkOut("base", baseCommit),
    result: () => checkOut("result", resultCommit),
    baseWith: (paths) => checkOut("baseWith", baseCommit, paths),
    files: await changedFiles(repository, baseCommit, resultCommit),
    dirtyPaths: gateCase.dirtyPaths ?? [],
    signal,
    onOutput,
  };
  const recipe = recipeFor(type);
  if (recipe === undefined) {
    throw new Error(`there is no recipe for ${type}`);
  }
  const evidence = evidenceSchema.parse(await recipe.gate(input));
  if (open.size > 0) {
    throw new Error(`the gate left ${open.size} sandboxes open`);
  }
  return { evidence, output, checkouts: counts };
}

/** Lines `name: status` of the checks, for short assertions. */
export const failedChecks = (evidence: Evidence): string[] =>
  evidence.checks.filter((check) => check.status === "failed").map((check) => check.name);
