import type { Command } from "commander";
import { connect } from "../connection/connect.ts";
import type { ClientContext, CommandContext, Finish, ServerFlags } from "./command.ts";
import { taskApply } from "./task-apply.ts";
import { type TaskCreateFlags, taskCreate } from "./task-create.ts";
import { type TaskReviewFlags, taskCancel, taskQueue, taskRetry, taskReview } from "./task-decide.ts";
import { taskDiff } from "./task-diff.ts";
import { type TaskListFlags, taskList } from "./task-list.ts";
import { taskLogs } from "./task-logs.ts";
import { taskShow } from "./task-show.ts";
import { taskWatch } from "./task-watch.ts";

const many = (value: string, earlier: readonly string[] | undefined): string[] => [...(earlier ?? []), value];

/** Adds the flags every command has that talks to the backend. */
export const withServer = (command: Command): Command =>
  command.option("--server <url>", "address of the backend").option("--json", "print JSON");

/** The context of a command that talks to the backend. */
export const clientContext = (context: CommandContext, flags: ServerFlags): ClientContext => ({
  ...context,
  client: connect(context.config, flags.server),
  json: flags.json === true,
});

/** The commands `task …`. */
export const addTaskCommands = (program: Command, context: CommandContext, finish: Finish): void => {
  const task = program.command("task").description("create, watch and settle tasks");
  addCreate(task, context, finish);
  withServer(task.command("list").description("list tasks, newest first"))
    .option("--status <names>", "only these, by comma")
    .option("--type <names>", "only these, by comma")
    .option("--priority <names>", "only these, by comma")
    .option("--search <words>", "words, or their beginnings, in title or description")
    .option("--live", "only what has not ended")
    .option("--page <number>", "which page", Number)
    .option("--page-size <number>", "tasks a page, at most 100", Number)
    .action((flags: TaskListFlags & ServerFlags) => finish(taskList(clientContext(context, flags), flags)));
  const oneTask = (
    name: string,
    description: string,
    act: (context: ClientContext, id: string) => Promise<number>,
  ) =>
    withServer(task.command(`${name} <id>`).description(description)).action(
      (id: string, flags: ServerFlags) => finish(act(clientContext(context, flags), id)),
    );
  oneTask("show", "everything about a task", taskShow);
  oneTask("watch", "follow a task to its end; exit 1 when it failed", taskWatch);
  oneTask("diff", "the change of its result", taskDiff);
  oneTask("apply", "put the change into this working tree, not committed", taskApply);
  oneTask("queue", "queue a task that was held back or proposed by an agent", taskQueue);
  oneTask("retry", "queue a failed task again", taskRetry);
  withServer(task.command("logs <id>").description("the log of its latest execution"))
    .option("--level <level>", "this level and above: debug, info, warn, error")
    .option("--follow", "go on until it ends")
    .action((id: string, flags: { level?: string; follow?: boolean } & ServerFlags) =>
      finish(taskLogs(clientContext(context, flags), id, flags)),
    );
  withServer(task.command("cancel <id>").description("stop a task wherever it is"))
    .option("--reason <text>", "why")
    .action((id: string, flags: { reason?: string } & ServerFlags) =>
      finish(taskCancel(clientContext(context, flags), id, flags)),
    );
  withServer(task.command("review <id>").description("approve a result (publishes it) or send it back"))
    .option("--approve", "publish it")
    .option("--reject <comment>", "send it back to the agent with what to change")
    .option("--comment <text>", "a note with the approval")
    .option(
      "--comment-at <path:line=text>",
      "send it back with a comment on a line; may be repeated",
      (given: string, earlier: string[] = []) => [...earlier, given],
    )
    .action((id: string, flags: TaskReviewFlags & ServerFlags) =>
      finish(taskReview(clientContext(context, flags), id, flags)),
    );
};

const addCreate = (task: Command, context: CommandContext, finish: Finish): void => {
  withServer(task.command("create").description("queue a task"))
    .requiredOption("--repo <url or path>", "repository to work on")
    .requiredOption("--type <type>", "feature, bugfix, test, docs, refactor or review")
    .requiredOption("--title <text>", "one line: what is wanted")
    .option("--description <text>", "more about it; - reads standard input")
    .option("--priority <priority>", "low, normal, high or critical")
    .option("--branch <name>", "base branch")
    .option("--permission <level>", "autonomous, supervised or human_required")
    .option("--label <label>", "only workers with this label (may be repeated)", many)
    .option("--after <id>", "wait for another task (may be repeated)", many)
    .option("--driver <driver>", "builtin, acp or command")
    .option("--model <provider/name>", "which model")
    .option("--timeout <seconds>", "of one execution")
    .option("--context <json>", "facts for the recipe, a JSON object")
    .option("--hold", "do not queue it yet")
    .option("--watch", "follow it to its end")
    .action((flags: TaskCreateFlags & ServerFlags) =>
      finish(taskCreate(clientContext(context, flags), flags)),
    );
};
