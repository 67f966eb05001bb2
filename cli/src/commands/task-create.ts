import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { endpoints, type TaskCreateInput } from "@agentvine/contracts";
import { AppError, newId } from "@agentvine/kit";
import { exitCodes } from "../exit-code.ts";
import { taskLine } from "../output/task-view.ts";
import type { ClientContext } from "./command.ts";
import { resolveTaskId, shortId } from "./task-id.ts";
import { watchTask } from "./task-watch.ts";

export interface TaskCreateFlags {
  readonly repo: string;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly priority?: string;
  readonly branch?: string;
  readonly permission?: string;
  readonly label?: readonly string[];
  readonly after?: readonly string[];
  readonly model?: string;
  readonly driver?: string;
  readonly timeout?: string;
  readonly context?: string;
  readonly hold?: boolean;
  readonly watch?: boolean;
}

/** A path becomes absolute, as the backend and its workers need it; an address stays as it is. */
const repositoryAddress = (given: string): string =>
  /^[a-z][a-z0-9+.-]*:\/\//i.test(given) || (/^[^/\s]+@[^/\s]+:/.test(given) && !existsSync(given))
    ? given
    : resolve(given);

const contextOf = (given: string): Record<string, unknown> => {
  try {
    const value: unknown = JSON.parse(given);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // falls through to the message that names the flag
  }
  throw new AppError(
    "command.usage",
    '--context must be a JSON object, e.g. --context \'{"files":["src/cart.js"]}\'',
  );
};

const secondsOf = (given: string): number => {
  const seconds = Number(given);
  if (Number.isInteger(seconds) && seconds > 0) return seconds;
  throw new AppError("command.usage", `--timeout must be a whole number of seconds, got ${given}`);
};

/** Leaves out what was not said, so that the backend's defaults hold. */
const given = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

/** The backend checks every value and names the field at fault: no second copy of its rules here. */
const bodyOf = async ({ client, stdin }: ClientContext, flags: TaskCreateFlags): Promise<TaskCreateInput> =>
  ({
    repositoryUrl: repositoryAddress(flags.repo),
    type: flags.type,
    title: flags.title,
    dependsOn: await Promise.all((flags.after ?? []).map((id) => resolveTaskId(client, id))),
    requiredLabels: [...(flags.label ?? [])],
    agent: given({ driver: flags.driver, model: flags.model }),
    ...given({
      description: flags.description === "-" ? await text(stdin) : flags.description,
      priority: flags.priority,
      branchName: flags.branch,
      permissionLevel: flags.permission,
      timeoutSeconds: flags.timeout === undefined ? undefined : secondsOf(flags.timeout),
      context: flags.context === undefined ? undefined : contextOf(flags.context),
      enqueue: flags.hold === true ? false : undefined,
    }),
  }) as TaskCreateInput;

/** `task create`: queues a task; with `--watch` follows it to its end. */
export const taskCreate = async (context: ClientContext, flags: TaskCreateFlags): Promise<number> => {
  const { client, output, json } = context;
  const body = await bodyOf(context, flags);
  const task = await client.call(endpoints.tasks.create, { body, idempotencyKey: newId() });
  if (flags.watch === true) {
    if (!json) output.line(taskLine(task, output));
    return watchTask(context, task.id);
  }
  if (json) {
    output.json(task);
  } else {
    output.line(taskLine(task, output));
    output.note(output.colors.dim(`follow it: agentvine task watch ${shortId(task.id)}`));
  }
  return exitCodes.ok;
};
