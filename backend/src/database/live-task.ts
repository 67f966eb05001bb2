import { liveTaskStatuses } from "@agentvine/contracts";
import { type SQL, sql } from "drizzle-orm";

const live = sql.raw(liveTaskStatuses.map((status) => `'${status}'`).join(", "));

/** True for a task that may still go on, by its column of the outer statement. */
export const isLiveTask = (taskId: SQL): SQL =>
  sql`exists (select from tasks live_task where live_task.id = ${taskId} and live_task.status in (${live}))`;

/** True for a task that another one waits for which may still go on. */
export const hasLiveDependent = (taskId: SQL): SQL =>
  sql`exists (select from task_dependencies d join tasks live_task on live_task.id = d.task_id
    where d.depends_on_task_id = ${taskId} and live_task.status in (${live}))`;

/** True for what is older than so many days by database time. */
export const isOlderThan = (moment: SQL, days: number): SQL =>
  sql`${moment} < now() - make_interval(days => ${days})`;
