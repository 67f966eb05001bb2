import type { AutomatedAnswer, Citation, HandOver, WorkerRequest } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Actor } from "../../actor.ts";
import type { Db, Tx } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { assertLeased, type LeaseRef, objectionTo } from "./controller-lease.ts";
import type { CitationsPort, ControllersPort } from "./controllers.port.ts";
import { findLivePrecedents, type PrecedentRow } from "./precedent.repository.ts";
import { isQuoteOf } from "./quote.ts";
import { routeToHuman, type Settlement } from "./request.repository.ts";
import { unknownRequest } from "./request.ts";
import { mustReadRequest, type RequestRow } from "./request-row.repository.ts";
import type { ResumePort } from "./resume.port.ts";
import { type LockedRequest, lockRequest, settle } from "./settle.service.ts";

export interface AutomatedAnswerServiceDeps {
  db: Db;
  resume: ResumePort;
  controllers: ControllersPort;
  citations: CitationsPort;
  /** A model that is less sure than this decides nothing. */
  confidenceMin: number;
}

/** What settles a request by the words of a model that keeps within its bounds. */
function settlementOf(
  { kind }: RequestRow,
  answer: AutomatedAnswer,
  { by, citations }: { by: string; citations: readonly Citation[] },
): Settlement {
  const { controllerId, choice, text, confidence, usage } = answer;
  const common = { source: "controller", sourceId: controllerId, by, citations, confidence, usage } as const;
  if (kind !== "approval") return { ...common, event: "answer", choice, text, reason: "" };
  const isAllowed = choice === "allow";
  return {
    ...common,
    event: isAllowed ? "answer" : "deny",
    decision: isAllowed ? "allow" : "deny",
    text,
    reason: text,
  };
}

/** An earlier answer as models are shown it. */
function sourceOf({ question, options, choice, text }: PrecedentRow): { title: string; text: string } {
  const chosen = options.find(({ id }) => id === choice);
  return { title: question.slice(0, 300), text: `${question} ${chosen?.label ?? ""}: ${text}` };
}

/** Takes what models answer. Whatever does not fit the request goes to a person, with the reason. */
export function createAutomatedAnswerService(deps: AutomatedAnswerServiceDeps) {
  const { db, resume, controllers, citations, confidenceMin } = deps;

  /** The request under its locks, leased by that controller in that generation. */
  async function lockLeased(tx: Tx, id: string, ref: LeaseRef): Promise<LockedRequest> {
    const locked = await lockRequest(tx, resume, id);
    if (locked === undefined) throw unknownRequest();
    assertLeased(locked.row, ref);
    if (locked.row.generation !== ref.generation)
      throw new AppError("worker_request.changed", "The request changed since it was leased.", {
        data: { generation: locked.row.generation },
      });
    return locked;
  }

  /** The citations with what they name; or what is wrong with one of them. */
  async function resolveAll(tx: Tx, row: RequestRow, given: AutomatedAnswer["citations"]) {
    const ids = given.filter(({ kind }) => kind === "precedent").map(({ id }) => id);
    const found = await findLivePrecedents(tx, row.repositoryId, ids);
    const resolved: Citation[] = [];
    for (const citation of given) {
      const precedent = found.find(({ id }) => id === citation.id);
      const source =
        citation.kind === "precedent"
          ? precedent && sourceOf(precedent)
          : await citations.find(tx, row.repositoryId, citation);
      if (source === undefined) return "the model cited something that does not exist";
      if (!isQuoteOf(citation.quote, `${source.title} ${source.text}`))
        return "the model quoted words that do not stand in what it cites";
      resolved.push({ ...citation, title: source.title });
    }
    return resolved;
  }

  async function finish(tx: Tx, locked: LockedRequest, answer: AutomatedAnswer, by: string): Promise<void> {
    const { row, task } = locked;
    const isOutOfBounds = task.permissionLevel === "human_required" || task.priority === "critical";
    const objection = isOutOfBounds
      ? "a task like this is decided by people alone"
      : objectionTo(row, answer, confidenceMin);
    if (objection !== undefined) {
      await routeToHuman(tx, row, objection, answer.usage);
      return;
    }
    const resolved = await resolveAll(tx, row, answer.citations);
    if (typeof resolved === "string") await routeToHuman(tx, row, resolved, answer.usage);
    else await settle(tx, resume, locked, settlementOf(row, answer, { by, citations: resolved }));
  }

  return {
    /**
     * Takes a model's answer.
     * @throws AppError `worker_request.lease_lost`, `.not_routed`, `.settled`, `.changed`, `controller.not_found`
     */
    answer: async (actor: Actor, id: string, answer: AutomatedAnswer): Promise<WorkerRequest> => {
      const name = await controllers.nameOf(actor, answer.controllerId);
      return await inTransaction(db, async (tx) => {
        await finish(tx, await lockLeased(tx, id, answer), answer, `the controller ${name}`);
        return await mustReadRequest(tx, id);
      });
    },

    /** Gives it to people, with the reason. @throws AppError as `answer` */
    handOver: async (
      actor: Actor,
      id: string,
      { reason, usage, ...ref }: HandOver,
    ): Promise<WorkerRequest> => {
      await controllers.assertOwn(actor, ref.controllerId);
      return await inTransaction(db, async (tx) => {
        const { row } = await lockLeased(tx, id, ref);
        await routeToHuman(tx, row, reason, usage);
        return await mustReadRequest(tx, id);
      });
    },
  };
}

export type AutomatedAnswerService = ReturnType<typeof createAutomatedAnswerService>;
