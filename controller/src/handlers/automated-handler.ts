import type { AutomatedAnswer, RequestLease, Usage } from "@agentvine/contracts";
import { noUsage } from "@agentvine/model";
import type { ContextSources, Source } from "../context/context-sources.ts";
import type { LeaseRef } from "../controller-api.ts";
import type { ModelAnswer } from "../llm/answer.ts";
import type { Asked, AskModel } from "../llm/ask-model.ts";
import { questionPrompt, systemPrompt } from "../llm/prompt.ts";

/** What the controller makes of a request: an answer to hand in, or a reason to give it to people. */
export type Response =
  | { readonly kind: "answer"; readonly body: AutomatedAnswer }
  | {
      readonly kind: "hand_over";
      readonly cause: "bad_reply" | "refused" | "failed" | "other";
      readonly reason: string;
      readonly usage: Usage | null;
    };

export interface AutomatedHandlerDeps {
  readonly context: ContextSources;
  /** Undefined: no model is configured. */
  readonly ask: AskModel | undefined;
  readonly controllerId: string;
}

/** What is wrong with the answer, before the backend judges it as well; undefined when nothing is. */
function objectionTo(
  { request }: RequestLease,
  answer: ModelAnswer,
  sources: readonly Source[],
): string | undefined {
  if (answer.citations.some(({ source }) => !sources.some(({ label }) => label === source)))
    return "the model cited something it was not shown";
  const offered = request.approval === null ? request.options.map(({ id }) => id) : ["allow", "deny"];
  if (answer.choice !== null && !offered.includes(answer.choice))
    return "the model chose something that was not offered";
  return undefined;
}

const citationsOf = ({ citations }: ModelAnswer, sources: readonly Source[]): AutomatedAnswer["citations"] =>
  citations.flatMap(({ source: label, quote }) => {
    const source = sources.find((one) => one.label === label);
    return source === undefined ? [] : [{ kind: source.kind, id: source.id, version: source.version, quote }];
  });

/** Answers a request from what the team has written down, or says why a person must. */
export function createAutomatedHandler({ context, ask, controllerId }: AutomatedHandlerDeps) {
  const handOver = (asked: Extract<Asked, { kind: "no_answer" }>): Response => ({
    kind: "hand_over",
    cause: asked.cause,
    reason: asked.reason,
    usage: asked.usage,
  });

  return {
    /** Never throws for what a model does. */
    generateResponse: async (lease: RequestLease, signal: AbortSignal): Promise<Response> => {
      if (ask === undefined)
        return { kind: "hand_over", cause: "other", reason: "the controller has no model", usage: null };
      const sources = await context.sourcesFor(lease, controllerId, signal);
      if (sources.length === 0 && lease.request.approval === null)
        return {
          kind: "hand_over",
          cause: "other",
          reason: "no document and no earlier answer says anything about it",
          usage: noUsage,
        };
      const asked = await ask(systemPrompt, questionPrompt(lease, sources), signal);
      if (asked.kind === "no_answer") return handOver(asked);
      const { answer, usage } = asked;
      const objection = objectionTo(lease, answer, sources);
      if (objection !== undefined)
        return handOver({ kind: "no_answer", cause: "bad_reply", reason: objection, usage });
      const ref: LeaseRef = {
        controllerId,
        leaseToken: lease.leaseToken,
        generation: lease.request.generation,
      };
      return {
        kind: "answer",
        body: {
          ...ref,
          choice: answer.choice,
          text: answer.answer,
          confidence: answer.confidence,
          citations: citationsOf(answer, sources),
          usage,
        },
      };
    },
  };
}

export type AutomatedHandler = ReturnType<typeof createAutomatedHandler>;
