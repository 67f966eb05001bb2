import type { Command } from "commander";
import { exitCodes } from "../exit-code.ts";
import { workerEnvironment } from "../processes/child-environment.ts";
import { resolveEntryPoints } from "../processes/entry-points.ts";
import { startProcess } from "../processes/managed-process.ts";
import type { CommandContext, Finish } from "./command.ts";

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

const environmentOf = ({ config }: CommandContext, flags: ControllerStartFlags): Record<string, string> => ({
  ...workerEnvironment(config.environment),
  AGENTVINE_HOME: config.home,
  ...Object.fromEntries(
    Object.entries(settingOf).flatMap(([flag, name]) => {
      const value = flags[flag as keyof typeof settingOf];
      return value === undefined ? [] : [[name, value]];
    }),
  ),
});

/** `controller start`: a controller in the foreground, its log on stderr, until Ctrl-C. */
const controllerStart = async (context: CommandContext, flags: ControllerStartFlags): Promise<number> => {
  const { output, signal } = context;
  const controller = startProcess({
    name: "controller",
    program: resolveEntryPoints().controller,
    env: environmentOf(context, flags),
    onLog: output.note,
    readyTimeoutMs: 600_000,
  });
  const stop = () => void controller.stop(60_000);
  signal.addEventListener("abort", stop, { once: true });
  try {
    const ready = await controller.ready;
    if (flags.json === true) output.json(ready);
    else output.note(`controller ${String(ready.name)} is ready (pid ${controller.pid})`);
    const exit = await controller.exited;
    return signal.aborted ? exitCodes.ok : (exit.code ?? exitCodes.failed);
  } finally {
    signal.removeEventListener("abort", stop);
    await controller.stop(10_000);
  }
};

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
