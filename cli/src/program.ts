import { Command, InvalidArgumentError } from "commander";
import { addAuditCommands } from "./commands/audit.ts";
import type { CommandContext, Finish } from "./commands/command.ts";
import { addControllerCommands } from "./commands/controller.ts";
import { addCredentialCommands } from "./commands/credential.ts";
import { demo } from "./commands/demo.ts";
import { doctor } from "./commands/doctor.ts";
import { addInboxCommands } from "./commands/inbox.ts";
import { addKeyCommands } from "./commands/key.ts";
import { addPolicyCommands } from "./commands/policy.ts";
import { addRepositoryCommands } from "./commands/repository.ts";
import { addSecretsCommands } from "./commands/secrets.ts";
import { addTaskCommands } from "./commands/task.ts";
import { up } from "./commands/up.ts";
import { addAccountCommands } from "./commands/user.ts";
import { addWorkerCommands } from "./commands/worker-commands.ts";

const wholeNumber =
  (min: number, max: number) =>
  (given: string): number => {
    const value = Number(given);
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new InvalidArgumentError(`give a whole number from ${min} to ${max}`);
    }
    return value;
  };

/** The whole command line. `finish` receives the exit code of the one command that runs. */
export const createProgram = (context: CommandContext, finish: Finish): Command => {
  const program = new Command("agentvine")
    .description("Dispatch centre for coding agents: queued tasks become verified branches.")
    .version(context.config.version, "-V, --version", "print the version")
    .showHelpAfterError("(--help shows what there is)")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.output.line(text.trimEnd()),
      writeErr: (text) => context.output.note(text.trimEnd()),
      outputError: (text, write) =>
        write(
          `agentvine: ${text
            .trimEnd()
            .replace(/^error: /, "")
            .replace(/\.$/, "")} (command.usage)`,
        ),
    });

  program
    .command("demo")
    .description("run the main job on four sample repositories, with a scripted model")
    .option("--once", "stop everything at the end; exit 0 only if all four tasks completed")
    .option("--chaos", "kill a worker with -9 on the way")
    .option("--json", "print one JSON object last")
    .option("--keep", "keep the demo's data directory")
    .option("--model <provider/name>", "use a real model")
    .option("--accept-no-sandbox", "let a real model work without a sandbox (it can do all that you can)")
    .action((flags) => finish(demo(context, flags)));

  program
    .command("up")
    .description("start backend and workers on your own data directory, until Ctrl-C")
    .option(
      "--port <number>",
      "port of the backend; 0 takes a free one",
      wholeNumber(0, 65_535),
      defaultPort(context),
    )
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--workers <number>", "worker processes", wholeNumber(0, 64), 1)
    .option("--slots <number>", "tasks at a time per worker", wholeNumber(1, 64), 2)
    .option("--sandbox <driver>", "how agents are confined")
    .option("--accept-no-sandbox", "allow --sandbox none: agents can do all that you can")
    .option("--model <provider/name>", "model of the builtin agent")
    .option("--verbose", "show the logs of all processes")
    .option("--json", "print one JSON line when ready")
    .action((flags) => finish(up(context, flags)));

  program
    .command("doctor")
    .description("look what this machine has and lacks")
    .option(
      "--port <number>",
      "port the backend shall use",
      wholeNumber(1, 65_535),
      defaultPort(context) || 7420,
    )
    .option("--json", "print JSON")
    .action((flags) => finish(doctor(context, flags)));

  addTaskCommands(program, context, finish);
  addInboxCommands(program, context, finish);
  addPolicyCommands(program, context, finish);
  addWorkerCommands(program, context, finish);
  addControllerCommands(program, context, finish);
  addKeyCommands(program, context, finish);
  addAccountCommands(program, context, finish);
  addAuditCommands(program, context, finish);
  addCredentialCommands(program, context, finish);
  addRepositoryCommands(program, context, finish);
  addSecretsCommands(program, context, finish);
  return program;
};

const defaultPort = ({ config }: CommandContext): number => {
  const port = Number(config.environment.AGENTVINE_PORT ?? "7420");
  return Number.isInteger(port) && port >= 0 && port <= 65_535 ? port : 7420;
};
