import {
  type PermissionLevel,
  type Priority,
  permissionLevels,
  priorities,
  type TaskAgent,
  type TaskLimits,
  type TaskResult,
  type TaskStatus,
  type TaskType,
  taskStatuses,
  taskTypes,
} from "@agentvine/contracts";
import { type SQL, sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uuid,
} from "drizzle-orm/pg-core";
import {
  createdAtColumn,
  idColumn,
  isOneOf,
  momentColumn,
  objectColumn,
  updatedAtColumn,
  wordsColumn,
} from "./columns.ts";
import { repositories } from "./repositories.ts";
import { users } from "./users.ts";
import { workers } from "./workers.ts";

/** How urgent a priority is: its place in the vocabulary, from 1. Lists sort and filter by it as the index does. */
export const priorityRank = (priority: AnyPgColumn): SQL<number> =>
  // security: no-raw-sql-of-values because the priorities are words of the contracts
  sql<number>`array_position(${sql.raw(`'{${priorities.join(",")}}'`)}::text[], ${priority})`;

/** What somebody wants done. */
export const tasks = pgTable(
  "tasks",
  {
    id: idColumn(),
    title: text("title").notNull(),
    description: text("description").notNull().default(""),
    taskType: text("task_type").$type<TaskType>().notNull(),
    permissionLevel: text("permission_level").$type<PermissionLevel>().notNull(),
    priority: text("priority").$type<Priority>().notNull(),
    status: text("status").$type<TaskStatus>().notNull(),
    /** Why it is blocked, failed or waits. */
    statusReason: text("status_reason").notNull().default(""),
    repositoryId: uuid("repository_id")
      .notNull()
      .references(() => repositories.id),
    /** The spelling the task was created with. */
    repositoryUrl: text("repository_url").notNull(),
    /** Base branch; null is the repository's default branch. */
    branchName: text("branch_name"),
    issueNumber: integer("issue_number"),
    prNumber: integer("pr_number"),
    agent: objectColumn<TaskAgent>("agent"),
    limits: objectColumn<TaskLimits>("limits"),
    requiredLabels: text("required_labels").array().notNull().default(sql`'{}'::text[]`),
    timeoutSeconds: integer("timeout_seconds").notNull(),
    context: objectColumn("context"),
    metadata: objectColumn("metadata"),
    createdBy: uuid("created_by")
      .notNull()
      .references(() => users.id),
    /** The worker that holds its work now. */
    assignedTo: uuid("assigned_to").references(() => workers.id, { onDelete: "set null" }),
    parentTaskId: uuid("parent_task_id").references((): AnyPgColumn => tasks.id, { onDelete: "set null" }),
    /** The execution whose agent proposed it. No reference: where a task came from is still told when that execution is gone. */
    createdByExecutionId: uuid("created_by_execution_id"),
    /** What a worker must be able to do to run it, as its orders carry it; empty for tasks of the first version. */
    workType: text("work_type").notNull().default(""),
    /** True once it was given something to wait for, and from then on. False: there are no edges to look at. */
    hasDependencies: boolean("has_dependencies").notNull().default(false),
    /** Number of the last claim: raised at each claim and only there, never reused. */
    attempt: integer("attempt").notNull().default(0),
    /** Executions that ran the agent. */
    runs: integer("runs").notNull().default(0),
    result: jsonb("result").$type<TaskResult>(),
    /** Follows the task through every log. */
    correlationId: text("correlation_id"),
    createdAt: createdAtColumn(),
    updatedAt: updatedAtColumn(),
    startedAt: momentColumn("started_at"),
    completedAt: momentColumn("completed_at"),
  },
  (table) => [
    // Lists are walked in their order, newest first within what is equal: none of them is read whole and sorted.
    index("tasks_created_at_idx").on(table.createdAt, table.id),
    index("tasks_updated_at_idx").on(table.updatedAt, table.id),
    index("tasks_title_idx").on(table.title, table.id),
    // With the type, as the two are mostly asked for together.
    index("tasks_status_idx").on(table.status, table.createdAt, table.id, table.taskType),
    index("tasks_priority_idx").on(priorityRank(table.priority), table.createdAt, table.id),
    index("tasks_repository_id_idx").on(table.repositoryId, table.createdAt, table.id),
    index("tasks_task_type_idx").on(table.taskType),
    index("tasks_created_by_idx").on(table.createdBy),
    // Each change of a task writes all its indexes anew: what most tasks lack is not in them.
    index("tasks_assigned_to_idx").on(table.assignedTo).where(sql`${table.assignedTo} is not null`),
    index("tasks_parent_task_id_idx").on(table.parentTaskId).where(sql`${table.parentTaskId} is not null`),
    // Statistics ask every minute what ended lately.
    index("tasks_completed_at_idx").on(table.completedAt).where(sql`${table.completedAt} is not null`),
    isOneOf("tasks_task_type_check", table.taskType, taskTypes),
    isOneOf("tasks_permission_level_check", table.permissionLevel, permissionLevels),
    isOneOf("tasks_priority_check", table.priority, priorities),
    isOneOf("tasks_status_check", table.status, taskStatuses),
    check("tasks_attempt_check", sql`${table.attempt} >= 0`),
  ],
);

/**
 * The words of a task's title and description. Beside the task, because each change of a task would write this index anew, and its words
 * hardly ever change.
 */
export const taskWords = pgTable(
  "task_words",
  {
    taskId: uuid("task_id")
      .primaryKey()
      .references(() => tasks.id, { onDelete: "cascade" }),
    words: wordsColumn("words").notNull(),
  },
  (table) => [
    // A search also reads what is not sorted into the index yet, so that is kept small (kB).
    index("task_words_words_idx").using("gin", table.words).with({ gin_pending_list_limit: 512 }),
  ],
);

/** `taskId` waits until `dependsOnTaskId` is completed. Circles are refused by the code that inserts. */
export const taskDependencies = pgTable(
  "task_dependencies",
  {
    taskId: uuid("task_id")
      .notNull()
      .references(() => tasks.id, { onDelete: "cascade" }),
    dependsOnTaskId: uuid("depends_on_task_id")
      .notNull()
      .references(() => tasks.id, { onDelete: "cascade" }),
    createdAt: createdAtColumn(),
  },
  (table) => [
    primaryKey({ columns: [table.taskId, table.dependsOnTaskId] }),
    index("task_dependencies_depends_on_task_id_idx").on(table.dependsOnTaskId),
    check("task_dependencies_self_check", sql`${table.taskId} <> ${table.dependsOnTaskId}`),
  ],
);
