import type { Command } from "commander";
import type { CommandContext, Finish, ServerFlags } from "./command.ts";
import { type KeyCreateFlags, type KeyRotateFlags, keyCreate, keyRevoke, keyRotate } from "./key-change.ts";
import { keyList } from "./key-list.ts";
import { clientContext, withServer } from "./task.ts";

const out = [
  "--out <file>",
  "write the key into this new file, which only you can read, instead of showing it",
] as const;

/** The commands `key …`. */
export const addKeyCommands = (program: Command, context: CommandContext, finish: Finish): void => {
  const key = program.command("key").description("API keys of workers, controllers and programs");
  withServer(key.command("create <name>").description("make a key; it is shown this once"))
    .option("--for <who>", "worker or controller: what such a process needs, and nothing else")
    .option("--permissions <list>", "what it may do, separated by commas, instead of --for")
    .option("--expires <duration>", "how long it lives: 45m, 12h, 30d; for ever unless told")
    .option(...out)
    .action((name: string, flags: KeyCreateFlags) =>
      finish(keyCreate(clientContext(context, flags), name, flags)),
    );
  withServer(key.command("list").description("the keys, newest first, without their secrets"))
    .option("--all", "also those that were revoked or have expired")
    .action((flags: ServerFlags & { all?: boolean }) =>
      finish(keyList(clientContext(context, flags), flags)),
    );
  withServer(
    key
      .command("rotate <id>")
      .description("make a key in place of another: what was registered with that one belongs to both"),
  )
    .option("--overlap <duration>", "how long the old key still works: 0s, 1h, 7d", "1d")
    .option(...out)
    .action((id: string, flags: KeyRotateFlags) =>
      finish(keyRotate(clientContext(context, flags), id, flags)),
    );
  withServer(key.command("revoke <id>").description("make a key worthless at once")).action(
    (id: string, flags: ServerFlags) => finish(keyRevoke(clientContext(context, flags), id)),
  );
};
