import { type TaskAgent, type TaskType, taskTypeSchema } from "@agentvine/contracts";
import { z } from "zod";

/** What a task asks of the worker that runs it. */
export interface RunRequirement {
  taskType: TaskType;
  requiredLabels: readonly string[];
  agent: TaskAgent;
}

/** Any worker can push. */
export const publishWork = JSON.stringify({ type: "publish" });

/**
 * What a worker must be able to do to run the task, as JSON: equal requirements have equal text, so that claims can look at each
 * kind of work once instead of at each order.
 */
export const runWork = ({ taskType, requiredLabels, agent }: RunRequirement): string =>
  JSON.stringify({
    type: taskType,
    ...(requiredLabels.length === 0 ? {} : { labels: [...new Set(requiredLabels)].sort() }),
    ...(agent.driver === undefined ? {} : { driver: agent.driver }),
    ...(agent.model === undefined ? {} : { model: agent.model }),
  });

const workSchema = z.object({ type: z.string() });

/** The task type of a kind of work; undefined for a push. */
export function taskTypeOf(workType: string): TaskType | undefined {
  const work = workSchema.safeParse(JSON.parse(workType));
  return taskTypeSchema.safeParse(work.data?.type).data;
}
