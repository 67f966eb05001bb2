import type { Citation, RequestLease } from "@agentvine/contracts";
import { coerceError, type Logger } from "@agentvine/kit";
import type { ControllerApi } from "../controller-api.ts";

/** Something an answer may rest on, as the model is shown it. */
export interface Source {
  /** `S1`, `S2`, …: what the model cites it by. */
  readonly label: string;
  readonly kind: Citation["kind"];
  readonly id: string;
  readonly version: number | null;
  readonly title: string;
  readonly text: string;
}

export interface ContextSources {
  /** What may help with a request: documents that match its task, earlier answers of people about its repository. */
  sourcesFor(lease: RequestLease, controllerId: string, signal: AbortSignal): Promise<Source[]>;
}

const textCharactersMax = 8_000;

/** Gathers what the model may answer from. What can't be read is left out: the answer is then less sure, or a person's. */
export function createContextSources(api: ControllerApi, logger: Logger): ContextSources {
  async function precedentsFor(lease: RequestLease, controllerId: string, signal: AbortSignal) {
    const precedents = await api.precedentsFor(lease, controllerId, signal);
    return precedents.map(({ id, question, options, choice, text }) => {
      const chosen = options.find((option) => option.id === choice)?.label ?? "";
      const said = [chosen, text].filter((part) => part !== "").join(": ");
      return { kind: "precedent" as const, id, version: null, title: question, text: said };
    });
  }

  return {
    async sourcesFor(lease, controllerId, signal) {
      const leftOut = (what: string) => (error: unknown) => {
        logger.warn({ err: coerceError(error), requestId: lease.request.id }, `${what} could not be read`);
        return [];
      };
      const found = await Promise.all([
        api.documentsFor(lease, signal).catch(leftOut("context documents")),
        precedentsFor(lease, controllerId, signal).catch(leftOut("earlier answers")),
      ]);
      return found.flat().map((source, index) => ({
        ...source,
        label: `S${index + 1}`,
        text: source.text.slice(0, textCharactersMax),
      }));
    },
  };
}
