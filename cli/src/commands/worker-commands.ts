import { type Command, InvalidArgumentError } from "commander";
import type { CommandContext, Finish, ServerFlags } from "./command.ts";
import { clientContext, withServer } from "./task.ts";
import { type WorkerStartFlags, workerStart, workerStatus, workerStop } from "./worker.ts";

const seconds = (given: string): number => {
  const value = Number(given);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError("give a number of seconds");
  return value;
};

/** The commands `worker …`. */
export const addWorkerCommands = (program: Command, context: CommandContext, finish: Finish): void => {
  const worker = program.command("worker").description("run workers and look at the fleet");
  withServer(worker.command("start").description("run a worker in the foreground, until Ctrl-C"))
    .option("--name <name>", "its name in the fleet")
    .option("--slots <number>", "tasks at a time")
    .option("--types <types>", "task types it serves, by comma")
    .option("--labels <labels>", "its labels, by comma")
    .option("--data-dir <path>", "mirrors, workspaces and results")
    .option("--sandbox <driver>", "how agents are confined")
    .option("--accept-no-sandbox", "allow --sandbox none: agents can do all that you can")
    .option("--model <provider/name>", "model of the builtin agent")
    .option("--agent-command <command line>", "run this command as the agent; {promptFile} is replaced")
    .option("--config <file>", "settings from a YAML or JSON file")
    .action((flags: WorkerStartFlags) => finish(workerStart(context, flags)));
  withServer(worker.command("status").description("the fleet as the backend sees it")).action(
    (flags: ServerFlags) => finish(workerStatus(clientContext(context, flags))),
  );
  worker
    .command("stop")
    .description("drain the worker of this machine and wait until it has stopped")
    .option("--data-dir <path>", "its data directory")
    .option("--timeout <seconds>", "how long to wait", seconds, 600)
    .action((flags: { dataDir?: string; timeout: number }) => finish(workerStop(context, flags)));
};
