import type { Execution, ExecutionLog, ExecutionQuery, LogLevel, LogLine } from "@agentvine/contracts";
import { and, asc, desc, eq, gt, inArray, type SQL, sql } from "drizzle-orm";
import { countUpTo, type Page } from "../../database/bounded-count.ts";
import type { Db, Tx } from "../../database/client.ts";
import { isLiveTask, isOlderThan } from "../../database/live-task.ts";
import { executionLogs, executions, workOrders } from "../../database/schema/index.ts";
import { levelsFrom, logTailMax } from "./execution.ts";

type ExecutionRow = typeof executions.$inferSelect;

const toResource = ({ summary: _, isLogFull: __, correlationId: ___, ...row }: ExecutionRow): Execution => ({
  ...row,
  startedAt: row.startedAt.toISOString(),
  completedAt: row.completedAt?.toISOString() ?? null,
});

/** The execution an attempt writes for, as far as writing needs it. */
export interface WritableExecution {
  id: string;
  taskId: string;
  workOrderId: string;
  workerId: string;
  attempt: number;
  logBytes: number;
  isLogFull: boolean;
  correlationId: string | null;
}

/** Locks the execution while its attempt holds the lease; undefined when the lease is gone, or is another attempt's. */
export async function lockWritableExecution(
  tx: Tx,
  executionId: string,
  holder: { workOrderId: string; attempt: number },
): Promise<WritableExecution | undefined> {
  const [row] = await tx
    .select({
      id: executions.id,
      taskId: executions.taskId,
      workOrderId: executions.workOrderId,
      workerId: executions.workerId,
      attempt: executions.attempt,
      logBytes: executions.logBytes,
      isLogFull: executions.isLogFull,
      correlationId: executions.correlationId,
    })
    .from(executions)
    .innerJoin(workOrders, eq(workOrders.id, executions.workOrderId))
    .where(
      and(
        eq(executions.id, executionId),
        eq(executions.workOrderId, holder.workOrderId),
        eq(executions.attempt, holder.attempt),
        eq(executions.status, "running"),
        eq(workOrders.status, "claimed"),
        eq(workOrders.attempt, holder.attempt),
      ),
    )
    .for("no key update", { of: executions });
  return row;
}

export async function executionExists(db: Db | Tx, executionId: string): Promise<boolean> {
  const [row] = await db.select({ id: executions.id }).from(executions).where(eq(executions.id, executionId));
  return row !== undefined;
}

export async function findExecution(db: Db, executionId: string): Promise<Execution | undefined> {
  const [row] = await db.select().from(executions).where(eq(executions.id, executionId));
  return row === undefined ? undefined : toResource(row);
}

export async function listExecutions(
  db: Db,
  { page, pageSize, taskId, workerId, status, kind }: ExecutionQuery,
): Promise<Page<Execution>> {
  const where = and(
    taskId === undefined ? undefined : eq(executions.taskId, taskId),
    workerId === undefined ? undefined : eq(executions.workerId, workerId),
    status === undefined ? undefined : inArray(executions.status, status),
    kind === undefined ? undefined : eq(executions.kind, kind),
  );
  const sorting = [desc(executions.startedAt), desc(executions.id)];
  // Their rows are large: of those before a deep page only the ids are read.
  const ids = db
    .select({ id: executions.id })
    .from(executions)
    .where(where)
    .orderBy(...sorting)
    .limit(pageSize)
    .offset((page - 1) * pageSize);
  const [rows, total] = await Promise.all([
    db
      .select()
      .from(executions)
      .where(inArray(executions.id, ids))
      .orderBy(...sorting),
    countUpTo(db, executions, where),
  ]);
  return { items: rows.map(toResource), ...total };
}

/** The end of a stream with more lines; nothing to set when there are none, for it is large. */
function tailWith(
  name: "stdoutLog" | "stderrLog",
  lines: readonly LogLine[],
): Partial<Record<"stdoutLog" | "stderrLog", SQL>> {
  const text = lines.map((line) => `${line.message}\n`).join("");
  return text === ""
    ? {}
    : { [name]: sql`right(${executions[name]} || ${text.slice(-logTailMax)}::text, ${logTailMax})` };
}

/** Writes lines of the log and moves the stream's end; the tails follow. The execution must be locked. */
export async function appendLogLines(
  tx: Tx,
  executionId: string,
  { lines, logBytes, isLogFull }: { lines: readonly LogLine[]; logBytes: number; isLogFull: boolean },
): Promise<void> {
  if (lines.length > 0) {
    await tx.insert(executionLogs).values(
      lines.map((line) => ({
        executionId,
        level: line.level,
        source: line.source,
        stream: line.stream,
        message: line.message,
        metadata: line.metadata ?? {},
        loggedAt: new Date(line.at),
      })),
    );
  }
  const ofStream = (stream: LogLine["stream"]) => lines.filter((line) => line.stream === stream);
  await tx
    .update(executions)
    .set({
      logBytes,
      isLogFull,
      ...tailWith("stdoutLog", ofStream("stdout")),
      ...tailWith("stderrLog", ofStream("stderr")),
    })
    .where(eq(executions.id, executionId));
}

export async function setPhase(tx: Tx, executionId: string, phase: ExecutionRow["phase"]): Promise<void> {
  await tx.update(executions).set({ phase }).where(eq(executions.id, executionId));
}

/** Log lines behind a cursor, oldest first, and whether the execution still runs. */
export async function listLogLines(
  db: Db,
  executionId: string,
  { after, limit, level }: { after: number; limit: number; level?: LogLevel | undefined },
): Promise<ExecutionLog[]> {
  const rows = await db
    .select()
    .from(executionLogs)
    .where(
      and(
        eq(executionLogs.executionId, executionId),
        gt(executionLogs.id, after),
        level === undefined ? undefined : inArray(executionLogs.level, levelsFrom(level)),
      ),
    )
    .orderBy(asc(executionLogs.id))
    .limit(limit);
  return rows.map((row) => ({ ...row, loggedAt: row.loggedAt.toISOString() }));
}

export async function findExecutionStatus(
  db: Db,
  executionId: string,
): Promise<{ status: ExecutionRow["status"]; taskId: string } | undefined> {
  const [row] = await db
    .select({ status: executions.status, taskId: executions.taskId })
    .from(executions)
    .where(eq(executions.id, executionId));
  return row;
}

/** The task an order works for, while the attempt holds the order. */
export async function findTaskOfHolder(
  db: Db | Tx,
  holder: { workOrderId: string; attempt: number },
): Promise<string | undefined> {
  const [row] = await db
    .select({ taskId: workOrders.taskId })
    .from(workOrders)
    .where(
      and(
        eq(workOrders.id, holder.workOrderId),
        eq(workOrders.attempt, holder.attempt),
        eq(workOrders.status, "claimed"),
      ),
    );
  return row?.taskId;
}

/** Forgets at most `limit` log lines of executions that ended more than so many days ago, of tasks that are over; returns how many. */
export async function deleteOldLogLines(db: Db, days: number, limit: number): Promise<number> {
  const deleted = await db.delete(executionLogs).where(
    sql`${executionLogs.id} in (
      select l.id from ${executionLogs} l join ${executions} e on e.id = l.execution_id
      where ${isOlderThan(sql`e.completed_at`, days)} and not ${isLiveTask(sql`e.task_id`)} limit ${limit})`,
  );
  return deleted.rowCount ?? 0;
}
