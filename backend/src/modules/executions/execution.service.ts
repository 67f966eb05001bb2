import type {
  Execution,
  ExecutionLog,
  ExecutionQuery,
  ExecutionStatus,
  LogChunk,
  LogLevel,
  Progress,
} from "@agentvine/contracts";
import { AppError, type Clock } from "@agentvine/kit";
import type { Actor } from "../../actor.ts";
import type { Page } from "../../database/bounded-count.ts";
import type { Db, Tx } from "../../database/client.ts";
import { inBatches } from "../../database/in-batches.ts";
import { inTransaction } from "../../database/transaction.ts";
import { storableJson } from "../../storable-json.ts";
import { recordEvent } from "../events/index.ts";
import {
  appendLogLines,
  deleteOldLogLines,
  executionExists,
  findExecution,
  findExecutionStatus,
  findTaskOfHolder,
  listExecutions,
  listLogLines,
  lockWritableExecution,
  setPhase,
  type WritableExecution,
} from "./execution.repository.ts";
import { fitLines, fullLogMarker, parseLogLines } from "./execution.ts";

export interface ExecutionService {
  /** All executions; an attempt sees those of its own task. @throws AppError `work_order.lease_lost` */
  list(actor: Actor, query: ExecutionQuery): Promise<Page<Execution>>;
  /** @throws AppError `execution.not_found`, also for an attempt that asks for another task's; `work_order.lease_lost` */
  get(actor: Actor, executionId: string): Promise<Execution>;
  /** @throws AppError as `get` */
  logs(
    actor: Actor,
    executionId: string,
    query: { after: number; limit: number; level?: LogLevel | undefined },
  ): Promise<{ items: ExecutionLog[]; next: number; isComplete: boolean }>;
  /** @throws AppError `execution.log_offset` with the server's offset, `work_order.lease_lost` */
  appendLog(actor: Actor, executionId: string, chunk: LogChunk): Promise<{ offset: number; isFull: boolean }>;
  /** @throws AppError `work_order.lease_lost` */
  progress(actor: Actor, executionId: string, progress: Progress): Promise<void>;
  /** Forgets the log lines of executions that ended more than so many days ago, of tasks that are over; returns how many. The tails stay. */
  forgetLogs(days: number): Promise<number>;
}

/**
 * The execution of an actor's attempt, locked, while that attempt holds its lease.
 * @throws AppError `execution.not_found`, `work_order.lease_lost`
 */
export async function requireWritable(tx: Tx, actor: Actor, executionId: string): Promise<WritableExecution> {
  const holder = actor.attempt;
  const execution = holder === undefined ? undefined : await lockWritableExecution(tx, executionId, holder);
  if (execution !== undefined) {
    return execution;
  }
  if (!(await executionExists(tx, executionId))) {
    throw new AppError("execution.not_found", "There is no such execution.");
  }
  throw leaseLost();
}

const leaseLost = (): AppError =>
  new AppError("work_order.lease_lost", "This attempt no longer holds the lease: stop, publish nothing.");

/**
 * The only task whose results this actor may read; undefined when it may read all.
 * @throws AppError `work_order.lease_lost` for an attempt that holds nothing any more
 */
export async function readableTask(db: Db, actor: Actor): Promise<string | undefined> {
  if (actor.attempt === undefined) {
    return undefined;
  }
  const taskId = await findTaskOfHolder(db, actor.attempt);
  if (taskId === undefined) {
    throw leaseLost();
  }
  return taskId;
}

/**
 * What an execution is about, if this actor may read it.
 * @throws AppError `execution.not_found`, `work_order.lease_lost`
 */
export async function requireReadable(
  db: Db,
  actor: Actor,
  executionId: string,
): Promise<{ taskId: string; status: ExecutionStatus }> {
  const own = await readableTask(db, actor);
  const execution = await findExecutionStatus(db, executionId);
  if (execution === undefined || (own !== undefined && own !== execution.taskId)) {
    throw notFound();
  }
  return execution;
}

const notFound = (): AppError => new AppError("execution.not_found", "There is no such execution.");

/** Executions: what they log and report while they run, and how they are read afterwards. */
export function createExecutionService({ db, clock }: { db: Db; clock: Clock }): ExecutionService {
  return {
    async list(actor, query) {
      const own = await readableTask(db, actor);
      // Another task's executions are as if they did not exist.
      if (own !== undefined && query.taskId !== undefined && query.taskId !== own) {
        return { items: [], total: 0, isTotalExact: true };
      }
      return await listExecutions(db, own === undefined ? query : { ...query, taskId: own });
    },

    async get(actor, executionId) {
      await requireReadable(db, actor, executionId);
      const execution = await findExecution(db, executionId);
      if (execution === undefined) {
        throw notFound();
      }
      return execution;
    },

    async logs(actor, executionId, query) {
      // The status first: lines that come after it are read by the next call.
      const { status } = await requireReadable(db, actor, executionId);
      const items = await listLogLines(db, executionId, query);
      const next = items.at(-1)?.id ?? query.after;
      return { items, next, isComplete: status !== "running" && items.length < query.limit };
    },

    async appendLog(actor, executionId, { offset, text }) {
      const measured = parseLogLines(text);
      return await inTransaction(db, async (tx) => {
        const execution = await requireWritable(tx, actor, executionId);
        if (execution.isLogFull) {
          return { offset: execution.logBytes, isFull: true };
        }
        if (execution.logBytes !== offset) {
          throw new AppError("execution.log_offset", `The stored log ends at byte ${execution.logBytes}.`, {
            data: { offset: execution.logBytes },
          });
        }
        const { lines, logBytes, isFull } = fitLines(offset, measured);
        await appendLogLines(tx, executionId, {
          lines: isFull ? [...lines, fullLogMarker(clock.now())] : lines,
          logBytes,
          isLogFull: isFull,
        });
        return { offset: logBytes, isFull };
      });
    },

    async progress(actor, executionId, progress) {
      await inTransaction(db, async (tx) => {
        const execution = await requireWritable(tx, actor, executionId);
        if (progress.kind === "phase") {
          await setPhase(tx, executionId, progress.phase);
        }
        await recordEvent(tx, {
          type: "execution.progressed",
          taskId: execution.taskId,
          workOrderId: execution.workOrderId,
          executionId,
          workerId: execution.workerId,
          attempt: execution.attempt,
          correlationId: execution.correlationId,
          data: storableJson({ ...progress }),
        });
      });
    },

    forgetLogs: (days) => inBatches((limit) => deleteOldLogLines(db, days, limit)),
  };
}
