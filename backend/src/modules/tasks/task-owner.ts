import type { Task } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Actor } from "../../actor.ts";

/**
 * A task belongs to who made it and to whom it is assigned; administrators may change every one. Everybody may look, review and answer.
 * @throws AppError `auth.forbidden`
 */
export async function assertOwnTask(actor: Actor, find: () => Promise<Task | undefined>): Promise<void> {
  if (actor.permissions.includes("tasks:admin")) return;
  const task = await find();
  // Whoever is asked for it says that there is none.
  if (task === undefined || task.createdBy === actor.userId || task.assignedTo === actor.userId) return;
  throw new AppError(
    "auth.forbidden",
    "Only who made the task, to whom it is assigned, or an administrator may change it.",
  );
}
