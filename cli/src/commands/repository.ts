import type { Command } from "commander";
import type { CommandContext, Finish, ServerFlags } from "./command.ts";
import {
  type RepositorySecretFlags,
  repositorySecretList,
  repositorySecretRemove,
  repositorySecretSet,
} from "./repository-secret.ts";
import { clientContext, withServer } from "./task.ts";

/** The commands `repository …`. */
export const addRepositoryCommands = (program: Command, context: CommandContext, finish: Finish): void => {
  const repository = program.command("repository").description("what is kept for a repository");
  const secret = repository
    .command("secret")
    .description("environment variables for the commands that set a repository up and test it");
  withServer(
    secret
      .command("set <repository> <name>")
      .description("store a variable; its value comes from standard input or a file"),
  )
    .option("--file <file>", "file that holds the value")
    .action((given: string, name: string, flags: RepositorySecretFlags) =>
      finish(repositorySecretSet(clientContext(context, flags), given, name, flags)),
    );
  withServer(secret.command("list <repository>").description("its variables, without their values")).action(
    (given: string, flags: ServerFlags) => finish(repositorySecretList(clientContext(context, flags), given)),
  );
  withServer(secret.command("remove <repository> <name>").description("forget a variable")).action(
    (given: string, name: string, flags: ServerFlags) =>
      finish(repositorySecretRemove(clientContext(context, flags), given, name)),
  );
};
