import { linkSignals } from "@agentvine/client";
import type { RunPayload } from "@agentvine/contracts";
import type {
  AgentDriver,
  AgentEvent,
  AgentOutcome,
  AgentTurnInput,
  Transcript,
} from "../agents/agent-driver.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import type { Recipe, TestPlan } from "../specialized/recipe.ts";
import type { Mirror } from "../workspace/mirror.ts";
import { createEventWriter } from "./agent-events.ts";
import { Checkpointer, type ExecutionProgress, type TakenUp } from "./checkpointer.ts";
import { answersText } from "./decisions/answers.ts";
import type { ExecutionContext } from "./execution-context.ts";
import { failed } from "./outcome.ts";
import { ParkRequest } from "./park-request.ts";

/** What the agent works on. */
export interface Bench {
  readonly payload: RunPayload;
  readonly driver: AgentDriver;
  readonly recipe: Recipe;
  readonly mirror: Mirror;
  readonly baseCommit: string;
  readonly plan: TestPlan;
  readonly sandbox: Sandbox;
  readonly takenUp: TakenUp | null;
}

/** Where a turn belongs: kept with each checkpoint of it. */
export type TurnPlace = Omit<ExecutionProgress, "instruction" | "followUp">;

/** What an agent is told that waited, once the answers are there. */
export const afterAnswer = (answers: string): string =>
  `You waited for this, and here is what was decided:\n\n${answers}\n\nGo on with the task from where you are.`;

/** The agent's turns on one workspace, each going on from the memory of the one before. */
export class AgentTurns {
  readonly #context: ExecutionContext;
  readonly #bench: Bench;
  readonly #system: string;
  readonly #diskSignal: AbortSignal;
  readonly #checkpointer: Checkpointer;
  #transcript: Transcript | undefined;
  /** The checkpoint of the newest transcript; null when that one is not safe. */
  #checkpointId: string | null = null;
  #steps: readonly string[] = [];
  #owesReply = false;

  constructor(context: ExecutionContext, bench: Bench, system: string, diskSignal: AbortSignal) {
    this.#context = context;
    this.#bench = bench;
    this.#system = system;
    this.#diskSignal = diskSignal;
    this.#checkpointer = new Checkpointer(context, bench.sandbox, bench.baseCommit);
    this.#transcript = bench.takenUp?.transcript;
  }

  /** The steps of the agent's newest plan. */
  get planSteps(): readonly string[] {
    return this.#steps;
  }

  /**
   * Turns until the agent is done. One that waits for answers is parked; where no checkpoint can be kept it waits on, for work that was
   * done must not be lost.
   * @returns the agent's summary
   * @throws ParkRequest, or how else it ended
   */
  async run(instruction: string, place: TurnPlace, isPlanning = false): Promise<string> {
    for (let next = instruction; ; ) {
      const outcome = await this.#turn(next, place, isPlanning);
      if (outcome.kind !== "parked") return summaryOf(outcome);
      next = afterAnswer(await this.parkOrWait(outcome.requestIds));
    }
  }

  /** Keeps where the execution stands, so that it can be parked there. */
  async keep(instruction: string, place: TurnPlace): Promise<void> {
    const transcript = this.#transcript ?? { driver: this.#bench.driver.name, step: 0, messages: [] };
    await this.#save(transcript, instruction, place);
  }

  /** @returns what was decided. @throws ParkRequest when the work can go on from the newest checkpoint */
  async parkOrWait(requestIds: readonly string[]): Promise<string> {
    const { desk, log, stop } = this.#context;
    stop.work.throwIfAborted();
    if (this.#checkpointId !== null) throw new ParkRequest(this.#checkpointId, requestIds);
    log.say("worker", "warn", "waits on, holding its slot: where it stands could not be kept");
    return answersText(await desk.untilSettled(requestIds));
  }

  async #turn(instruction: string, place: TurnPlace, isPlanning: boolean): Promise<AgentOutcome> {
    const { metrics, stop, desk } = this.#context;
    using linked = linkSignals(stop.work, this.#diskSignal);
    desk.forgetOpen();
    this.#checkpointId = null;
    const turn = await this.#bench.driver.run(this.#input(instruction, place, isPlanning, linked.signal));
    metrics.addTurn(turn);
    stop.work.throwIfAborted();
    this.#diskSignal.throwIfAborted();
    return turn.outcome;
  }

  #input(instruction: string, place: TurnPlace, isPlanning: boolean, signal: AbortSignal): AgentTurnInput {
    const { claim, settings, desk, services, people } = this.#context;
    const { sandbox, plan } = this.#bench;
    const rules = new Map(claim.preAllowed.map(({ toolClass, ruleId }) => [toolClass, ruleId]));
    const write = createEventWriter(this.#context);
    return {
      task: claim.task,
      system: this.#system,
      instruction,
      sandbox,
      testCommand: plan.testCommand,
      limits: {
        stepsMax: claim.task.limits.stepsMax ?? settings.limits.stepsMax,
        tokensMax: claim.task.limits.tokensMax ?? settings.limits.tokensMax,
      },
      signal,
      isPlanning,
      ruleFor: (toolClass) => rules.get(toolClass),
      desk,
      services,
      openRelay: (hear) => this.#context.openRelay(write, hear),
      hear: (after) => people.hear(after),
      onEvent: (event) => {
        this.#note(event);
        write(event);
      },
      onCheckpoint: (transcript) => this.#save(transcript, instruction, place),
      ...(this.#transcript === undefined ? {} : { transcript: this.#transcript }),
    };
  }

  #note(event: AgentEvent): void {
    if (event.type === "plan") this.#steps = event.steps;
    if (event.type === "heard") this.#owesReply = true;
    // What the agent says next is its reply to whoever wrote to it.
    if (event.type !== "message" || !this.#owesReply) return;
    this.#owesReply = false;
    this.#context.people.say(event.text);
  }

  async #save(transcript: Transcript, instruction: string, place: TurnPlace): Promise<void> {
    this.#transcript = transcript;
    const { followUp } = this.#bench.payload;
    this.#checkpointId = await this.#checkpointer.save(transcript, { ...place, instruction, followUp });
  }
}

const summaryOf = (outcome: AgentOutcome): string => {
  switch (outcome.kind) {
    case "finished":
      return outcome.summary;
    case "refused":
      throw failed("agent", outcome.reason, { outcome: "refused", failure: null });
    case "failed":
      throw failed("agent", outcome.reason);
    case "limit_reached":
      throw failed("agent", `The limit of ${outcome.limit} was reached: ${outcome.reason}`);
    case "model_unavailable":
      throw failed("infrastructure", `The model is not available: ${outcome.reason}`, {
        isRetryable: true,
        ...(outcome.retryAfterMs === undefined ? {} : { retryAfterMs: outcome.retryAfterMs }),
      });
    case "cancelled":
      throw failed("agent", "The agent stopped although nobody asked it to.");
    case "parked":
      throw failed("agent", "The agent waits for nothing.");
    case "timed_out":
      throw failed("agent", "The agent ran out of its own time.", { outcome: "timed_out", failure: null });
  }
};
