import type { PermissionLevel, Priority, TaskCreate } from "@agentvine/contracts";

/** What an agent's proposal takes over from the task it works on. */
export interface ParentTask {
  id: string;
  permissionLevel: PermissionLevel;
  priority: Priority;
  repositoryId: string;
  branchName: string | null;
  agent: TaskCreate["agent"];
  limits: TaskCreate["limits"];
  requiredLabels: string[];
  timeoutSeconds: number;
}

/** So many tasks may one execution propose, and all executions of a task together: those that were parked come back. */
export const subtasksMax = { ofExecution: 5, ofTask: 20 } as const;

/** Whether one more may be proposed; else in words which bound is reached. */
export function limitReached(made: { ofExecution: number; ofTask: number }): string | undefined {
  if (made.ofExecution >= subtasksMax.ofExecution)
    return `This execution has proposed ${subtasksMax.ofExecution} tasks, which is all it may.`;
  if (made.ofTask >= subtasksMax.ofTask)
    return `${subtasksMax.ofTask} tasks were proposed below this one, which is all there may be.`;
  return undefined;
}

/** A task that an agent proposes is never autonomous, whatever its parent is, and never more urgent than usual. */
export function subtaskBody(
  parent: ParentTask,
  { title, description, type }: Pick<TaskCreate, "title" | "description" | "type">,
): TaskCreate {
  const { permissionLevel, priority } = parent;
  return {
    ...{ title, description, type, repositoryId: parent.repositoryId, parentTaskId: parent.id },
    ...(parent.branchName === null ? {} : { branchName: parent.branchName }),
    permissionLevel: permissionLevel === "human_required" ? "human_required" : "supervised",
    priority: priority === "low" ? "low" : "normal",
    ...{ agent: parent.agent, limits: parent.limits, requiredLabels: parent.requiredLabels },
    timeoutSeconds: parent.timeoutSeconds,
    ...{ context: {}, metadata: {}, dependsOn: [] },
    // It runs when a person queues it, and not before.
    enqueue: false,
  };
}
