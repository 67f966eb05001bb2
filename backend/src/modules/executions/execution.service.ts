import type {
  Execution,
  ExecutionLog,
  ExecutionQuery,
  LogChunk,
  LogLevel,
  Progress,
} from "@agentvine/contracts";
import { AppError, type Clock } from "@agentvine/kit";
import type { Actor } from "../../actor.ts";
import type { Db, Tx } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { recordEvent } from "../events/index.ts";
import {
  appendLogLines,
  executionExists,
  findExecution,
  findExecutionStatus,
  listExecutions,
  listLogLines,
  lockWritableExecution,
  setPhase,
  type WritableExecution,
} from "./execution.repository.ts";
import { bytesOf, fullLogMarker, logBytesMax, parseLogLines } from "./execution.ts";

export interface ExecutionService {
  list(query: ExecutionQuery): Promise<{ items: Execution[]; total: number }>;
  /** @throws AppError `execution.not_found` */
  get(executionId: string): Promise<Execution>;
  /** @throws AppError `execution.not_found` */
  logs(
    executionId: string,
    query: { after: number; limit: number; level?: LogLevel | undefined },
  ): Promise<{ items: ExecutionLog[]; next: number; isComplete: boolean }>;
  /** @throws AppError `execution.log_offset` with the server's offset, `work_order.lease_lost` */
  appendLog(actor: Actor, executionId: string, chunk: LogChunk): Promise<{ offset: number; isFull: boolean }>;
  /** @throws AppError `work_order.lease_lost` */
  progress(actor: Actor, executionId: string, progress: Progress): Promise<void>;
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
  throw new AppError(
    "work_order.lease_lost",
    "This attempt no longer holds the lease: stop, publish nothing.",
  );
}

const notFound = (): AppError => new AppError("execution.not_found", "There is no such execution.");

/** Executions: what they log and report while they run, and how they are read afterwards. */
export function createExecutionService({ db, clock }: { db: Db; clock: Clock }): ExecutionService {
  return {
    list: (query) => listExecutions(db, query),

    async get(executionId) {
      const execution = await findExecution(db, executionId);
      if (execution === undefined) {
        throw notFound();
      }
      return execution;
    },

    async logs(executionId, query) {
      // The status first: lines that come after it are read by the next call.
      const execution = await findExecutionStatus(db, executionId);
      if (execution === undefined) {
        throw notFound();
      }
      const items = await listLogLines(db, executionId, query);
      const next = items.at(-1)?.id ?? query.after;
      return { items, next, isComplete: execution.status !== "running" && items.length < query.limit };
    },

    async appendLog(actor, executionId, { offset, text }) {
      const lines = parseLogLines(text);
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
        const logBytes = offset + bytesOf(text);
        const isLogFull = logBytes > logBytesMax;
        await appendLogLines(tx, executionId, {
          lines: isLogFull ? [fullLogMarker(clock.now())] : lines,
          logBytes,
          isLogFull,
        });
        return { offset: logBytes, isFull: isLogFull };
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
          data: { ...progress },
        });
      });
    },
  };
}
