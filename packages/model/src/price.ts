import type { Usage } from "@agentvine/contracts";
import type { ModelName } from "@agentvine/kit";

/** US dollars per million tokens. */
interface Price {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
}

// Anthropic mostly takes a tenth of the input price to read from its cache, and five quarters to write to it.
const anthropic = (input: number, output: number, cacheRead = input / 10): Price => ({
  input,
  output,
  cacheRead,
  cacheWrite: input * 1.25,
});
const openai = (input: number, output: number, cacheRead: number): Price => ({
  input,
  output,
  cacheRead,
  cacheWrite: input,
});

const version = "(?:-latest|-\\d{8}|-\\d{4}-\\d{2}-\\d{2})?$";
// List prices of late 2026, for prompts of the usual length. A model whose price depends on more is left out.
const table: readonly (readonly [RegExp, Price])[] = [
  [new RegExp(`^anthropic/claude-opus-5-5${version}`), anthropic(4, 20, 0.2)],
  [new RegExp(`^anthropic/claude-opus-5${version}`), anthropic(5, 25)],
  [new RegExp(`^anthropic/claude-sonnet-5-5${version}`), anthropic(2, 10, 0.1)],
  [new RegExp(`^anthropic/claude-sonnet-5${version}`), anthropic(2, 10)],
  [new RegExp(`^anthropic/claude-opus-4-[56]${version}`), anthropic(5, 25)],
  [new RegExp(`^anthropic/claude-opus-4(?:-[01])?${version}`), anthropic(15, 75)],
  [new RegExp(`^anthropic/claude-sonnet-4(?:-[056])?${version}`), anthropic(3, 15)],
  [new RegExp(`^anthropic/claude-3-[57]-sonnet${version}`), anthropic(3, 15)],
  [new RegExp(`^anthropic/claude-haiku-4-5${version}`), anthropic(1, 5)],
  [new RegExp(`^anthropic/claude-3-5-haiku${version}`), anthropic(0.8, 4)],
  [new RegExp(`^openai/gpt-5\\.5${version}`), openai(5, 30, 0.5)],
  [new RegExp(`^openai/gpt-5${version}`), openai(1.25, 10, 0.125)],
  [new RegExp(`^openai/gpt-5-mini${version}`), openai(0.25, 2, 0.025)],
  [new RegExp(`^openai/gpt-5-nano${version}`), openai(0.05, 0.4, 0.005)],
  [new RegExp(`^openai/gpt-4\\.1${version}`), openai(2, 8, 0.5)],
  [new RegExp(`^openai/gpt-4\\.1-mini${version}`), openai(0.4, 1.6, 0.1)],
  [new RegExp(`^openai/gpt-4\\.1-nano${version}`), openai(0.1, 0.4, 0.025)],
  [new RegExp(`^openai/gpt-4o${version}`), openai(2.5, 10, 1.25)],
  [new RegExp(`^openai/gpt-4o-mini${version}`), openai(0.15, 0.6, 0.075)],
  [new RegExp(`^openai/o3${version}`), openai(2, 8, 0.5)],
  [new RegExp(`^openai/o4-mini${version}`), openai(1.1, 4.4, 0.275)],
];

/** What the tokens cost in US dollars; null when the model's price is not known (a guess would be worse). */
export function costUsd(model: ModelName, tokens: Omit<Usage, "costUsd">): number | null {
  const label = `${model.provider}/${model.name}`;
  const price = table.find(([pattern]) => pattern.test(label))?.[1];
  if (price === undefined) return null;
  const dollars =
    tokens.inputTokens * price.input +
    tokens.outputTokens * price.output +
    tokens.cacheReadTokens * price.cacheRead +
    tokens.cacheWriteTokens * price.cacheWrite;
  return dollars / 1_000_000;
}

export const noUsage: Usage = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  costUsd: null,
};

/** The sum of both; the cost is known only when it is known of each that used tokens. */
export function addUsage(a: Usage, b: Usage): Usage {
  const isCostKnown =
    (a.costUsd !== null || totalTokens(a) === 0) && (b.costUsd !== null || totalTokens(b) === 0);
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
    cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
    costUsd: isCostKnown && totalTokens(a) + totalTokens(b) > 0 ? (a.costUsd ?? 0) + (b.costUsd ?? 0) : null,
  };
}

/** Everything the model took in and gave out; the four kinds of tokens do not overlap. */
export const totalTokens = (usage: Usage): number =>
  usage.inputTokens + usage.outputTokens + usage.cacheReadTokens + usage.cacheWriteTokens;
