import type { Approval, Claim } from "@agentvine/contracts";
import type { AgentTurns, Bench, TurnPlace } from "./agent-turns.ts";
import { type ExecutionContext, enterPhase } from "./execution-context.ts";
import { failed } from "./outcome.ts";

/** So many plans are shown to people before the task fails. */
const plansMax = 3;
/** So often an agent is asked for a plan that it did not report. */
const askingsMax = 2;
const stepsMax = 200;
const stepCharactersMax = 2_000;

const planFirst = `A person agrees to your plan before you may change anything. So this turn is for looking only: read what matters, then call \`report_plan\` once, with steps that say which files you will change and how, and end your turn.`;

const numbered = (steps: readonly string[]): string =>
  steps.map((step, index) => `${index + 1}. ${step}`).join("\n");

/** What an agent is told that may begin. */
export const carryOut = (steps: readonly string[]): string =>
  `A person agreed to this plan. Carry it out, and nothing beyond it:\n\n${numbered(steps)}`;

/**
 * The plan a person agreed to before; undefined when one is still to be agreed on, or none is needed. Only the backend knows: it forgets
 * a plan when the task was changed after it.
 */
export const agreedPlanOf = ({ approvedPlan }: Claim): readonly string[] | undefined => approvedPlan?.steps;

export const needsPlan = (claim: Claim): boolean =>
  claim.task.permissionLevel === "human_required" && agreedPlanOf(claim) === undefined;

const approvalOf = (steps: readonly string[]): Approval => ({
  subject: "plan",
  tool: "plan",
  toolClass: "read",
  arguments: {},
  command: null,
  paths: [],
  diff: null,
  steps: steps.slice(0, stepsMax).map((step) => step.slice(0, stepCharactersMax)),
});

/**
 * Makes a plan and has a person agree to it; one that is turned down is made anew with the person's words. Nothing is changed meanwhile.
 * @returns the steps agreed to
 * @throws ExecutionFault `agent` after three plans or when nobody decided, ParkRequest
 */
export const agreeOnPlan = async (
  context: ExecutionContext,
  bench: Bench,
  turns: AgentTurns,
  instruction: string,
): Promise<readonly string[]> => {
  const { refusedPlans = 0, proposedPlan } = bench.takenUp?.progress ?? {};
  let proposed = proposedPlan;
  let asked = proposedPlan === undefined ? instruction : "";
  for (let refused = refusedPlans; ; ) {
    const place = { refusedRounds: 0, refusedPlans: refused };
    enterPhase(context, "plan", refused === 0 ? "" : `after ${refused} refused`);
    const steps = proposed ?? (await makePlan(context, bench, turns, asked, place));
    const refusal = await propose(context, turns, asked, steps, place);
    if (refusal === undefined) return steps;
    refused += 1;
    if (refused >= plansMax)
      throw failed("agent", `${plansMax} plans were turned down. The last: ${refusal}`);
    proposed = undefined;
    asked = `Plan ${refused} was turned down:\n\n${refusal}\n\nMake another one. ${planFirst}`;
  }
};

/** A command can't be kept from changing things: what a person agrees to is that it runs, for this task. */
const commandPlan = ({ claim }: ExecutionContext, { driver }: Bench): string[] => {
  const { title, description } = claim.task;
  return [`Run ${driver.label} for: ${title}`, ...(description.trim() === "" ? [] : [description.trim()])];
};

const makePlan = async (
  context: ExecutionContext,
  bench: Bench,
  turns: AgentTurns,
  instruction: string,
  place: TurnPlace,
): Promise<readonly string[]> => {
  if (bench.driver.name === "command") return commandPlan(context, bench);
  let asked = instruction.includes(planFirst) ? instruction : `${instruction}\n\n${planFirst}`;
  for (let asking = 0; asking < askingsMax; asking += 1) {
    await turns.run(asked, place, true);
    if (turns.planSteps.length > 0) return turns.planSteps;
    asked = `You reported no plan. ${planFirst}`;
  }
  throw failed("agent", "The agent made no plan, and this task needs one that a person agrees to.");
};

/** @returns undefined when a person agreed, else why not. */
const propose = async (
  { desk, claim }: ExecutionContext,
  turns: AgentTurns,
  instruction: string,
  steps: readonly string[],
  place: TurnPlace,
): Promise<string | undefined> => {
  await turns.keep(instruction, { ...place, proposedPlan: [...steps] });
  for (;;) {
    const answer = await desk.ask({
      kind: "approval",
      text: `Plan for "${claim.task.title}" (${steps.length} ${steps.length === 1 ? "step" : "steps"})`,
      approval: approvalOf(steps),
    });
    switch (answer.kind) {
      case "allowed":
        return undefined;
      case "denied":
        return answer.reason;
      case "pending":
        // Asked again it is the same request, and has its answer by then.
        await turns.parkOrWait([answer.requestId]);
        break;
      case "answered":
      case "no_answer":
        throw failed(
          "agent",
          `Nobody agreed to the plan: ${"reason" in answer ? answer.reason : answer.text}`,
        );
    }
  }
};
