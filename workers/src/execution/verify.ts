import type { Evidence } from "@agentvine/contracts";
import { setUpCheckout } from "../gate/index.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import type { Checkout, Recipe, TestPlan } from "../specialized/recipe.ts";
import { changedFiles } from "../workspace/changes.ts";
import { commitWork } from "../workspace/commit-work.ts";
import type { Mirror } from "../workspace/mirror.ts";
import { exportResult, importResult, resultRef, workspaceStatus } from "../workspace/result.ts";
import { Checkouts } from "./checkouts.ts";
import { commitMessage } from "./commit-message.ts";
import type { ExecutionContext } from "./execution-context.ts";
import { failed } from "./outcome.ts";

export interface JudgedResult {
  readonly evidence: Evidence;
  readonly commit: string;
  /** The commits since the base as a git bundle; null when nothing was changed. */
  readonly bundle: Uint8Array | null;
}

export interface JudgeInput {
  readonly recipe: Recipe;
  readonly mirror: Mirror;
  readonly baseCommit: string;
  readonly plan: TestPlan;
  readonly sandbox: Sandbox;
  readonly round: number;
  readonly summary: string;
}

/** Commits what the agent left, takes it into the mirror, and lets the recipe's gate judge it on fresh checkouts. */
export const judge = async (context: ExecutionContext, input: JudgeInput): Promise<JudgedResult> => {
  const { claim, stop, log, progress, metrics, redactor } = context;
  const { recipe, mirror, baseCommit, plan, round } = input;
  const { commit, bundle, dirtyPaths } = await handIn(context, input);
  const files = bundle === null ? [] : await changedFiles(mirror, baseCommit, commit);
  const checkouts = new Checkouts(context, mirror, round);
  const fresh = async (
    where: "base" | "result" | "new_tests_on_base",
    options: Parameters<Checkouts["make"]>[1],
  ): Promise<Checkout> => {
    const checkout = await checkouts.make(where, options);
    const onOutput = (text: string) => log.write("command", "stdout", text);
    await setUpCheckout(checkout, plan, { where, signal: stop.work, onOutput });
    return checkout;
  };
  try {
    const found = await recipe.gate({
      task: claim.task,
      plan,
      settings: claim.repository.settings,
      round,
      base: () => fresh("base", { commit: baseCommit }),
      result: () => fresh("result", { commit }),
      baseWith: (paths) => fresh("new_tests_on_base", { commit: baseCommit, overlay: { commit, paths } }),
      files,
      dirtyPaths,
      signal: stop.work,
      onOutput: (text) => log.write("gate", "stdout", text),
    });
    stop.work.throwIfAborted();
    // Before anybody sees it: people, the backend, the agent that gets it back.
    const evidence = redactor.value(found);
    metrics.addGateRound();
    progress.gate(evidence);
    log.endLine("gate", "stdout");
    const level = evidence.verification === "failed" ? "warn" : "info";
    log.say("gate", level, `round ${round}: ${evidence.verification}. ${evidence.reason}`);
    // The gate judges; that nothing is never a success does not hang on it.
    if (bundle === null && evidence.verification !== "failed")
      throw failed("verification", "Nothing was changed.", { evidence });
    return { evidence, commit, bundle };
  } finally {
    await checkouts.dispose();
  }
};

const handIn = async (
  { claim, stop }: ExecutionContext,
  { recipe, mirror, baseCommit, sandbox, summary }: JudgeInput,
): Promise<{ commit: string; bundle: Uint8Array | null; dirtyPaths: string[] }> => {
  const message = commitMessage(recipe.commitType, claim.task.title, summary);
  await commitWork(sandbox, { message, taskId: claim.task.id, base: baseCommit });
  const dirtyPaths = await workspaceStatus(sandbox);
  const exported = await exportResult(sandbox, { baseCommit });
  if (exported === null) return { commit: baseCommit, bundle: null, dirtyPaths };
  await importResult(mirror, {
    bytes: exported.bytes,
    baseCommit,
    commit: exported.commit,
    ref: resultRef(claim.task.id, claim.attempt),
    signal: stop.work,
  });
  return { commit: exported.commit, bundle: exported.bytes, dirtyPaths };
};
