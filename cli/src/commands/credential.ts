import type { Command } from "commander";
import type { CommandContext, Finish, ServerFlags } from "./command.ts";
import { type CredentialAddFlags, credentialAdd, credentialRemove } from "./credential-change.ts";
import { credentialList } from "./credential-list.ts";
import { clientContext, withServer } from "./task.ts";

/** The commands `credential …`. */
export const addCredentialCommands = (program: Command, context: CommandContext, finish: Finish): void => {
  const credential = program
    .command("credential")
    .description("tokens and SSH keys that open private repositories to workers");
  withServer(
    credential.command("add").description("store a token (from standard input or a file) or an SSH key"),
  )
    .option("--host <host>", "for every repository of this host, such as git.example.org")
    .option("--repository <repository>", "for this one: its address, name or id")
    .option("--username <name>", "what git calls the user beside a token; most forges take any name")
    .option("--token-file <file>", "file that holds the token")
    .option("--ssh-key <file>", "private key without a passphrase, instead of a token")
    .option("--known-hosts <file>", "the host's public keys, as ssh-keyscan prints them; checked by you")
    .option("--replace", "put it in place of the one that is there")
    .action((flags: CredentialAddFlags) => finish(credentialAdd(clientContext(context, flags), flags)));
  withServer(credential.command("list").description("the credentials, without their values")).action(
    (flags: ServerFlags) => finish(credentialList(clientContext(context, flags))),
  );
  withServer(credential.command("remove <id>").description("forget a credential")).action(
    (id: string, flags: ServerFlags) => finish(credentialRemove(clientContext(context, flags), id)),
  );
};
