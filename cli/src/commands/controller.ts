import type { Command } from "commander";
import { resolveEntryPoints } from "../processes/entry-points.ts";
import type { CommandContext, Finish } from "./command.ts";
import { runInForeground } from "./run-in-foreground.ts";

interface ControllerStartFlags {
  readonly server?: string;
  readonly name?: string;
  readonly model?: string;
  readonly concurrency?: string;
  readonly json?: boolean;
}

const settingOf: Record<Exclude<keyof ControllerStartFlags, "json">, string> = {
  server: "AGENTVINE_SERVER",
  name: "AGENTVINE_CONTROLLER_NAME",
  model: "AGENTVINE_MODEL",
  concurrency: "AGENTVINE_CONTROLLER_CONCURRENCY",
};

/** `controller start`: a controller in the foreground, its log on stderr, until Ctrl-C. */
const controllerStart = (context: CommandContext, flags: ControllerStartFlags): Promise<number> =>
  runInForeground(context, {
    name: "controller",
    program: resolveEntryPoints().controller,
    settingOf,
    flags: { ...flags },
    stopMsMax: 60_000,
  });

/** The commands `controller …`. */
export const addControllerCommands = (program: Command, context: CommandContext, finish: Finish): void => {
  const controller = program.command("controller").description("run what answers questions by a model");
  controller
    .command("start")
    .description("run a controller in the foreground, until Ctrl-C")
    .option("--server <url>", "address of the backend")
    .option("--name <name>", "its name among the controllers")
    .option("--model <provider/name>", "model that answers; without one everything goes to people")
    .option("--concurrency <number>", "questions it thinks about at a time")
    .option("--json", "print one JSON line when ready")
    .action((flags: ControllerStartFlags) => finish(controllerStart(context, flags)));
};
