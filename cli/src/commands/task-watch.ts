import { linkSignals, streamEvents } from "@agentvine/client";
import { type Event, endpoints, type Task } from "@agentvine/contracts";
import { exitCodes } from "../exit-code.ts";
import { eventLine, eventText } from "../output/event-view.ts";
import { evidenceText, taskLine } from "../output/task-view.ts";
import type { ClientContext } from "./command.ts";
import { resolveTaskId } from "./task-id.ts";

// Where watching ends: nothing more happens by itself. `in_review` waits for a person.
const restingStatuses: ReadonlySet<Task["status"]> = new Set([
  "completed",
  "failed",
  "cancelled",
  "in_review",
  "pending",
]);
const restingEvents: ReadonlySet<Event["type"]> = new Set([
  "task.completed",
  "task.failed",
  "task.cancelled",
  "task.submitted",
  "task.deleted",
]);

const ending = (task: Task, { output }: ClientContext): void => {
  const { result } = task;
  output.line(taskLine(task, output));
  if (result === null) return;
  if (result.branch !== null && result.publishedAt !== null)
    output.line(`branch    ${output.colors.bold(result.branch)}`);
  if (result.evidence !== null) output.line(`evidence  ${evidenceText(result.evidence)}`);
  if (task.status === "in_review") {
    output.note(
      output.colors.dim(
        `look: agentvine task diff ${task.id.slice(-8)} · then: agentvine task review ${task.id.slice(-8)} --approve`,
      ),
    );
  }
};

/** Shows events until the task rests. Resolves to how it stands, or undefined when the watcher was interrupted. */
const follow = async (context: ClientContext, task: Task): Promise<Task | undefined> => {
  const { client, output, signal } = context;
  using watching = linkSignals(signal);
  const onConnection = (state: "open" | "lost") => {
    if (state === "lost") output.note(output.colors.yellow("connection lost, trying again…"));
  };
  let current = task;
  for await (const event of streamEvents(client, {
    taskId: task.id,
    signal: watching.signal,
    onConnection,
  })) {
    showEvent(context, current, event);
    // An old ending may precede a retry: only the status says whether it still rests.
    if (!restingEvents.has(event.type)) continue;
    current = await client.call(endpoints.tasks.get, { params: { taskId: task.id } });
    if (restingStatuses.has(current.status)) watching.abort();
  }
  return signal.aborted ? undefined : current;
};

const showEvent = ({ output, json }: ClientContext, task: Task, event: Event): void => {
  if (json) output.json(event);
  const line = json ? undefined : eventLine(event);
  if (line === undefined) return;
  const seconds = Math.max(0, Date.parse(event.occurredAt) - Date.parse(task.createdAt)) / 1_000;
  output.line(eventText(line, { label: task.type, seconds, output }));
};

/** Follows a task until it rests; exit code 0 when it is completed, in review or held, 1 when it failed or was cancelled. */
export const watchTask = async (context: ClientContext, taskId: string): Promise<number> => {
  const { client, signal } = context;
  const first = await client.call(endpoints.tasks.get, { params: { taskId }, signal });
  const task = restingStatuses.has(first.status) ? first : await follow(context, first);
  if (task === undefined) return exitCodes.interrupted;
  if (context.json) context.output.json(task);
  else ending(task, context);
  return task.status === "failed" || task.status === "cancelled" ? exitCodes.failed : exitCodes.ok;
};

/** `task watch <id>`. */
export const taskWatch = async (context: ClientContext, given: string): Promise<number> =>
  watchTask(context, await resolveTaskId(context.client, given));
