import { type Client, linkSignals, streamEvents } from "@agentvine/client";
import { type Event, endpoints, type Task } from "@agentvine/contracts";
import { eventLine, eventText } from "../output/event-view.ts";
import type { Output } from "../output/output.ts";

export interface DemoWatchOptions {
  readonly client: Client;
  readonly tasks: readonly Task[];
  readonly output: Output;
  readonly startedMs: number;
  readonly signal: AbortSignal;
  /** Sees every event, before it is shown. */
  readonly onEvent?: (event: Event) => void;
}

const finalEvents: ReadonlySet<Event["type"]> = new Set([
  "task.completed",
  "task.failed",
  "task.cancelled",
  "task.submitted",
]);

/** Shows what happens to the tasks until all have ended. Resolves to how they stand then. */
export const watchDemo = async (options: DemoWatchOptions): Promise<Task[]> => {
  const { client, output, signal } = options;
  const labels = new Map(options.tasks.map((task) => [task.id, task.type]));
  const open = new Set(labels.keys());
  using watching = linkSignals(signal);
  for await (const event of streamEvents(client, { signal: watching.signal })) {
    options.onEvent?.(event);
    const label = event.taskId === null ? undefined : labels.get(event.taskId);
    if (event.taskId === null || label === undefined) continue;
    const line = eventLine(event);
    const seconds = (Date.now() - options.startedMs) / 1_000;
    if (line !== undefined) output.note(eventText(line, { label, seconds, output }));
    if (finalEvents.has(event.type)) open.delete(event.taskId);
    if (open.size === 0) watching.abort();
  }
  return Promise.all(
    options.tasks.map((task) => client.call(endpoints.tasks.get, { params: { taskId: task.id } })),
  );
};
