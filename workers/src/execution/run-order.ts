import type { Evidence } from "@agentvine/contracts";
import { runPayloadSchema } from "@agentvine/contracts";
import { gateFeedback, setUpCheckout } from "../gate/index.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { watchDisk } from "../sandbox/watch-disk.ts";
import { recipeFor } from "../specialized/recipes.ts";
import { createLayout, mirrorsDir } from "../workspace/layout.ts";
import { hasCommit, type Mirror, refreshMirror, resolveBase } from "../workspace/mirror.ts";
import { ignoreSetupOutput } from "../workspace/result.ts";
import { restoreSnapshot } from "../workspace/snapshot.ts";
import { readTestPlan } from "../workspace/test-plan.ts";
import { createWorkspace } from "../workspace/workspace.ts";
import { AgentTurns, afterAnswer, type Bench } from "./agent-turns.ts";
import { takeUp } from "./checkpointer.ts";
import { readConventions } from "./conventions.ts";
import { type ExecutionContext, enterPhase } from "./execution-context.ts";
import { failed } from "./outcome.ts";
import { agreedPlanOf, agreeOnPlan, carryOut, needsPlan } from "./plan-phase.ts";
import { type JudgedResult, judge } from "./verify.ts";

/** What a run hands in when its gate let it through. */
export interface RunResult extends JudgedResult {
  readonly baseCommit: string;
  readonly summary: string;
  readonly mirror: Mirror;
}

/** The agent gets a refused gate's output back so often. */
const feedbackRoundsMax = 2;
const diskLookMs = 2_000;

/**
 * Runs the agent and judges what it made, with feedback, until the gate lets it through.
 * @throws ExecutionFault, AppError or the stop's kind: `faultOfError` says what each means.
 */
export const runOrder = async (
  context: ExecutionContext,
  onEvidence: (evidence: Evidence) => void,
): Promise<RunResult> => {
  const bench = await prepareBench(context);
  const watch = watchDisk(bench.sandbox, {
    bytesMax: context.settings.limits.workspaceBytesMax,
    intervalMs: diskLookMs,
  });
  try {
    return await workAndVerify(context, bench, watch.signal, onEvidence);
  } finally {
    watch.stop();
  }
};

const prepareBench = async (context: ExecutionContext): Promise<Bench> => {
  const { claim, layout, git, stop } = context;
  const { task } = claim;
  enterPhase(context, "prepare");
  const payload = runPayloadSchema.parse(claim.workOrder.payload);
  const recipe = recipeFor(task.type);
  if (recipe === undefined)
    throw failed("infrastructure", `This worker has no recipe for tasks of type ${task.type}.`);
  const driver = context.createDriver();
  await createLayout(layout);

  enterPhase(context, "checkout", claim.repository.url);
  const mirror = await refreshMirror(git, {
    mirrorsDir: mirrorsDir(context.settings.dataDir),
    repository: claim.repository,
    signal: stop.work,
  });
  const checkpoint =
    claim.checkpoint !== null && (await hasCommit(mirror, claim.checkpoint.baseCommit))
      ? claim.checkpoint
      : null;
  const takenUp = checkpoint === null ? null : await takeUp(context, checkpoint, driver.name);
  const base =
    takenUp === null || checkpoint === null
      ? await resolveBase(mirror, {
          branch: payload.baseBranch ?? task.branchName,
          defaultBranch: claim.repository.defaultBranch,
        })
      : { branch: "the checkpoint's base", commit: checkpoint.baseCommit };
  const found = await readTestPlan(mirror, { commit: base.commit, settings: claim.repository.settings });
  // What people stored for the repository comes before what a file in it says.
  const { testEnvironment } = context;
  const plan = {
    ...found,
    environment: { ...found.environment, ...testEnvironment },
    secrets: Object.values(testEnvironment),
  };
  const sandbox = await openWorkspace(context, mirror, base.commit);
  context.log.say("git", "info", `base ${base.commit} (${base.branch})`);

  enterPhase(context, "setup", plan.setupCommand ?? "nothing to set up");
  await setUpCheckout({ commit: base.commit, sandbox }, plan, {
    where: "base",
    signal: stop.work,
    onOutput: (text) => context.log.write("command", "stdout", text),
  });
  context.log.endLine("command", "stdout");
  await ignoreSetupOutput(sandbox);
  if (takenUp !== null) {
    if (takenUp.snapshot !== null) await restoreSnapshot(sandbox, takenUp.snapshot);
    const from = `step ${takenUp.transcript.step} of attempt ${claim.checkpoint?.attempt ?? "?"}`;
    context.log.say("worker", "info", `taken up from ${from}`);
  }
  return { payload, driver, recipe, mirror, baseCommit: base.commit, plan, sandbox, takenUp };
};

const openWorkspace = async (
  { layout, sandboxes, claim, stop, open }: ExecutionContext,
  mirror: Mirror,
  commit: string,
): Promise<Sandbox> => {
  await createWorkspace(mirror, { directory: layout.workspace, commit, signal: stop.work });
  const sandbox = await sandboxes.open({
    workspaceDir: layout.workspace,
    homeDir: layout.home,
    tempDir: layout.temp,
    executionId: claim.executionId,
  });
  open.add(sandbox);
  return sandbox;
};

const workAndVerify = async (
  context: ExecutionContext,
  bench: Bench,
  diskSignal: AbortSignal,
  onEvidence: (evidence: Evidence) => void,
): Promise<RunResult> => {
  enterPhase(context, "plan", `${bench.driver.name} ${bench.driver.label}, test plan: ${bench.plan.source}`);
  const first = await firstInstruction(context, bench);
  const turns = new AgentTurns(context, bench, first.system, diskSignal);
  let { instruction, refusedRounds } = first;
  let agreedPlan = agreedPlanOf(context.claim);
  if (needsPlan(context.claim)) {
    agreedPlan = await agreeOnPlan(context, bench, turns, instruction);
    // The plan is made in a conversation of its own turn, which the work goes on from; a command has to be told all of it.
    instruction = `${first.task}\n\n${carryOut(agreedPlan)}`;
  }
  for (;;) {
    enterPhase(context, "run", refusedRounds === 0 ? "" : `after refused gate round ${refusedRounds}`);
    const summary = await turns.run(instruction, { refusedRounds });
    const round = refusedRounds + 1;
    enterPhase(context, "verify", `round ${round}`);
    const result = await judge(context, { ...bench, round, summary });
    onEvidence(result.evidence);
    if (result.evidence.verification !== "failed")
      return { ...result, baseCommit: bench.baseCommit, summary, mirror: bench.mirror };
    if (refusedRounds >= feedbackRoundsMax) {
      const reason = `The gate refused the result ${round} times. ${result.evidence.reason}`;
      throw failed("verification", reason, { summary, evidence: result.evidence });
    }
    refusedRounds = round;
    // The number tells the rounds apart, for the agent and for a driver that goes on from a transcript.
    instruction = `Gate round ${round}: refused.\n\n${gateFeedback(result.evidence)}`;
  }
};

/** Documents of the team that fit the task, as the agent gets them; empty when none fits or none can be had. */
const documentsFor = async ({ services, log }: ExecutionContext): Promise<string> => {
  const { isError, text, data } = await services.getContext("");
  if (isError) log.say("worker", "warn", `the team's documents could not be looked up: ${text}`);
  const found = data?.documents ?? [];
  if (found.length === 0) return "";
  log.say(
    "worker",
    "info",
    `documents: ${found.map(({ title, version }) => `${title} v${version}`).join(", ")}`,
  );
  return text;
};

const afterReview = (comment: string): string =>
  `Your result was looked at by a person, who asks for this:\n\n${comment}`;

interface FirstInstruction {
  readonly system: string;
  /** The task in the recipe's words. */
  readonly task: string;
  readonly instruction: string;
  readonly refusedRounds: number;
}

/** What the agent is told first: the task, or where it was when the checkpoint was made, or what people said since. */
const firstInstruction = async (
  context: ExecutionContext,
  { recipe, plan, mirror, baseCommit, payload, takenUp }: Bench,
): Promise<FirstInstruction> => {
  const conventions = await readConventions(mirror, baseCommit);
  // An agent that goes on from a checkpoint was told already.
  const documents = takenUp === null ? await documentsFor(context) : "";
  const { task: asked } = context.claim;
  const { system, instruction: task } = recipe.instruct({ task: asked, plan, conventions, documents });
  const agreed = context.claim.approvedPlan?.steps;
  const instruction = agreed === undefined ? task : `${task}\n\n${carryOut(agreed)}`;
  const followUp = payload.followUp;
  if (takenUp !== null && takenUp.progress.followUp === followUp) {
    const { progress } = takenUp;
    return { system, task, instruction: progress.instruction, refusedRounds: progress.refusedRounds };
  }
  if (followUp === null) return { system, task, instruction, refusedRounds: 0 };
  const isAnswer = payload.followUpKind === "answer";
  const told = isAnswer ? afterAnswer(followUp) : afterReview(followUp);
  return {
    system,
    task,
    instruction: takenUp === null ? `${instruction}\n\n${told}` : told,
    refusedRounds: isAnswer ? (takenUp?.progress.refusedRounds ?? 0) : 0,
  };
};
