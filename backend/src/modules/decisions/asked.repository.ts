import type { SandboxDriver, WorkerCapabilities } from "@agentvine/contracts";
import type { Tx } from "../../database/client.ts";
import { runPrepared, type Statement } from "../../database/prepared.ts";
import { type RequestRow, requestShape } from "./request-row.repository.ts";

const findAskedStatement: Statement = {
  name: "find-asked",
  text: `
    with by_call as materialized (
      select ${requestShape.columns("r")} from worker_requests r
      where r.work_order_id = $1 and r.attempt = $2 and r.call_id = $3
      for update
    ), same as materialized (
      select ${requestShape.columns("r")} from worker_requests r
      where not exists (select from by_call) and r.task_id = $4 and (r.fingerprint = $5 or r.granted_fingerprint = $5)
      order by r.raised_at desc, r.id desc limit 1
      for update
    )
    select true as is_by_call, by_call.* from by_call union all select false, same.* from same`,
};

/** What was asked before. */
export interface AskedBefore {
  /** The request of that very call: its reply was lost. */
  byCall: RequestRow | undefined;
  /** Else the newest request of the task that asked the same, or was answered with leave for this very call. */
  same: RequestRow | undefined;
}

/** What of a call was asked before, locked. Its task must be locked. */
export async function findAsked(
  tx: Tx,
  asked: { workOrderId: string; attempt: number; callId: string; taskId: string; fingerprint: string },
): Promise<AskedBefore> {
  const { workOrderId, attempt, callId, taskId, fingerprint } = asked;
  const values = [workOrderId, attempt, callId, taskId, fingerprint];
  const [row] = await runPrepared<{ is_by_call: boolean }>(tx, findAskedStatement, values);
  const found = row && requestShape.read(row);
  return row?.is_by_call === true ? { byCall: found, same: undefined } : { byCall: undefined, same: found };
}

const readFactsStatement: Statement = {
  name: "request-facts",
  text: `
    select repository.canonical_key, worker.name, worker.capabilities, worker.sandbox
    from repositories repository
    left join (select e.id, w.name, w.capabilities, e.sandbox from executions e join workers w on w.id = e.worker_id) worker on worker.id = $1
    where repository.id = $2`,
};

interface FactsRow {
  canonical_key: string;
  name: string | null;
  capabilities: WorkerCapabilities | null;
  sandbox: SandboxDriver | null;
}

/** What the rules look at besides the request itself and its task. */
export async function readFacts(
  tx: Tx,
  executionId: string,
  repositoryId: string,
): Promise<FactsRow | undefined> {
  const [row] = await runPrepared<FactsRow>(tx, readFactsStatement, [executionId, repositoryId]);
  return row;
}
