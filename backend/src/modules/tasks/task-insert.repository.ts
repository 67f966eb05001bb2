import type { TaskCreate } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import type { Db, Tx } from "../../database/client.ts";
import { runPrepared, type Statement } from "../../database/prepared.ts";
import { withWordsApart } from "../../database/words.ts";
import { storableJson, storableText } from "../../storable-json.ts";
import { noteRecorded } from "../events/index.ts";
import { type TaskRow, taskShape } from "./task-row.repository.ts";

export interface NewTask {
  id: string;
  body: TaskCreate;
  /** Without an address the repository's own is taken. */
  repository: { id: string; url: string | null };
  /** What a worker must be able to do to run it. */
  workType: string;
  createdBy: string;
  correlationId: string;
  /** Whose agent proposed it. */
  createdByExecutionId?: string;
}

const insertTaskStatement: Statement = {
  name: "insert-task",
  text: `
    with task as (
      insert into tasks (id, title, description, task_type, permission_level, priority, status, repository_id, repository_url,
        branch_name, issue_number, agent, limits, required_labels, timeout_seconds, context, metadata, created_by, parent_task_id,
        correlation_id, work_type, has_dependencies, created_by_execution_id)
      select $1::uuid, $2::text, $3::text, $4::text, $5::text, $6::text, 'pending', r.id, coalesce($8::text, r.url), $9::text,
        $10::int, $11::jsonb, $12::jsonb, $13::text[], $14::int, $15::jsonb, $16::jsonb, $17::uuid, $18::uuid, $19::text, $20::text,
        $21::boolean, $24::uuid
      from repositories r where r.id = $7::uuid
      on conflict (id) do nothing
      returning ${taskShape.columns("tasks")}
    ), history as (
      insert into events (id, type, task_id, correlation_id, data)
      select $22::uuid, 'task.created', id, correlation_id,
        jsonb_build_object('status', status, 'title', title, 'type', task_type, 'priority', priority)
          || jsonb_strip_nulls(jsonb_build_object('createdByExecutionId', created_by_execution_id))
      from task
    ), words as (
      insert into task_words (task_id, words) select id, to_tsvector('simple', $23::text) from task
    )
    select ${taskShape.columns("task")} from task`,
};

/**
 * Writes a task that waits to be queued, and that it was made: one statement, so it needs no transaction around it. Undefined when
 * there is a task with this id, as an earlier try made it, or no such repository.
 */
export async function insertTask(
  source: Db | Tx,
  { id, body, repository, workType, createdBy, correlationId, createdByExecutionId }: NewTask,
): Promise<TaskRow | undefined> {
  const [row] = await runPrepared(source, insertTaskStatement, [
    id,
    storableText(body.title),
    storableText(body.description),
    body.type,
    body.permissionLevel,
    body.priority,
    repository.id,
    body.repositoryUrl ?? repository.url,
    body.branchName ?? null,
    body.issueNumber ?? null,
    JSON.stringify(storableJson(body.agent)),
    JSON.stringify(body.limits),
    [...new Set(body.requiredLabels)],
    body.timeoutSeconds,
    JSON.stringify(storableJson(body.context)),
    JSON.stringify(storableJson(body.metadata)),
    createdBy,
    body.parentTaskId ?? null,
    correlationId,
    workType,
    body.dependsOn.length > 0,
    newId(),
    withWordsApart(`${storableText(body.title)} ${storableText(body.description)}`),
    createdByExecutionId ?? null,
  ]);
  const task = row && taskShape.read(row);
  if (task !== undefined) {
    noteRecorded(source);
  }
  return task;
}
