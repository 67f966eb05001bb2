import type { Conversation, Phase, ToolResult, Turn } from "./conversation.ts";

/** What the scripted model answers. */
export interface Reply {
  readonly text?: string;
  readonly calls?: readonly { readonly name: string; readonly input: Readonly<Record<string, unknown>> }[];
  /** `refusal` makes the agent's turn end as refused: the way a scenario says that reality is not what it expects. */
  readonly stop?: "refusal" | "max_tokens";
  /** Sent as the input of every tool call instead of valid JSON. */
  readonly rawInput?: string;
}

/** A story the scripted model follows. It must derive its answer from the conversation alone. */
export interface Scenario {
  readonly name: string;
  /** Is this prompt (system and instructions) about me? */
  readonly matches: (prompt: string) => boolean;
  /** @throws ScenarioBroken when the tools returned something else than the story needs. */
  readonly respond: (conversation: Conversation) => Reply;
}

/** Reality is not what the scenario expects: a file is missing, a test printed something else. */
export class ScenarioBroken extends Error {}

/** What a step of a script sees. */
export interface StepView {
  /** The instruction this phase answers: the task at first, the gate's refusal later. */
  readonly instruction: string;
  readonly conversation: Conversation;
  /** What the tool calls of the previous step returned. */
  readonly results: readonly ToolResult[];
  /** What the tool call of the previous step returned (the one that mentions `about`, of several); broken when it failed or lacks `expected`. */
  readonly output: (about: string, ...expected: readonly (string | RegExp)[]) => string;
}

export type Step = (view: StepView) => Reply;

/** A reply that calls one tool, with a sentence that says why. */
export const callTool = (text: string, name: string, input: Readonly<Record<string, unknown>>): Reply => ({
  text,
  calls: [{ name, input }],
});

/** A reply that ends the turn. */
export const finish = (text: string): Reply => ({ text });

/**
 * A scenario made of phases (one per instruction) of steps (one per answer). Which step comes next is counted from the
 * messages, so that a conversation taken up by another process goes on where it stopped; answers whose tools were
 * interrupted are given again.
 */
export function script(options: {
  readonly name: string;
  /** Text that the prompt of exactly this task holds: its title. */
  readonly marker: string;
  readonly phases: readonly (readonly Step[])[];
}): Scenario {
  return {
    name: options.name,
    matches: (prompt) => prompt.includes(options.marker),
    respond: (conversation) => respond(options.phases, conversation),
  };
}

function respond(phases: readonly (readonly Step[])[], conversation: Conversation): Reply {
  const index = conversation.phases.length - 1;
  const phase = conversation.phases[index];
  if (phase === undefined) throw new ScenarioBroken("there is no instruction");
  const steps = phases[index];
  if (steps === undefined) {
    throw new ScenarioBroken(`nobody should have to say: ${excerpt(phase.instruction)}`);
  }
  const done = phase.turns.filter((turn) => !wasInterrupted(turn));
  const step = steps[Math.min(done.length, steps.length - 1)];
  if (step === undefined) throw new ScenarioBroken("the phase has no steps");
  return step(viewOf(conversation, phase, done.at(-1)));
}

const wasInterrupted = (turn: Turn): boolean =>
  turn.results.some((result) => result.isError && /\binterrupted\b/.test(result.text));

function viewOf(conversation: Conversation, phase: Phase, last: Turn | undefined): StepView {
  const results = last?.results ?? [];
  return {
    instruction: phase.instruction,
    conversation,
    results,
    output: (about, ...expected) => {
      const result = results.find((each) => describe(each).includes(about));
      if (result === undefined) throw new ScenarioBroken(`the previous step returned nothing for ${about}`);
      return checked(result, expected);
    },
  };
}

function checked(result: ToolResult, expected: readonly (string | RegExp)[]): string {
  const { text } = result;
  const what = excerpt(describe(result), 120);
  if (result.isError) throw new ScenarioBroken(`${what} failed: ${excerpt(text)}`);
  for (const part of expected) {
    const isThere = typeof part === "string" ? text.includes(part) : part.test(text);
    if (!isThere) throw new ScenarioBroken(`${what} did not return ${String(part)} but: ${excerpt(text)}`);
  }
  return text;
}

const describe = ({ call }: ToolResult): string => `${call.name} ${JSON.stringify(call.input)}`;

const excerpt = (text: string, charactersMax = 300): string => {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length > charactersMax ? `${line.slice(0, charactersMax)} …` : line;
};
