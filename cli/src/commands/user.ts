import type { Command } from "commander";
import { asPerson } from "./as-person.ts";
import type { ClientContext, CommandContext, Finish, ServerFlags } from "./command.ts";
import { login, logout, register, resetPassword, type SetUpFlags, setUp, verifyEmail } from "./login.ts";
import { clientContext, withServer } from "./task.ts";
import { userInvite, userLink, userList, userPatch } from "./user-change.ts";

/** The commands `login`, `logout`, `account …` and `user …`. */
export const addAccountCommands = (program: Command, context: CommandContext, finish: Finish): void => {
  withServer(
    program
      .command("login <name>")
      .description("sign in with name or e-mail address; the password is read from standard input"),
  ).action((name: string, flags: ServerFlags) => finish(login(context, name, flags)));
  program
    .command("logout")
    .description("revoke and forget the key that login made")
    .action(() => finish(logout(context)));
  const account = program
    .command("account")
    .description("what the one-time links of accounts are for; passwords come on standard input");
  withServer(
    account
      .command("set-up <link>")
      .description(
        "become the first administrator by the link that up printed; the password comes on standard input",
      ),
  )
    .requiredOption("--username <name>", "what you are called here")
    .requiredOption("--email <address>", "your e-mail address")
    .option("--name <text>", "your full name")
    .action((link: string, flags: SetUpFlags) => finish(setUp(context, link, flags)));
  addLinkCommands(account, context, finish);
  addUserCommands(program, context, finish);
};

const addLinkCommands = (account: Command, context: CommandContext, finish: Finish): void => {
  withServer(account.command("register <link>").description("make an account by the link of an invitation"))
    .requiredOption("--username <name>", "what you are called here")
    .option("--name <text>", "your full name")
    .action((link: string, flags: Omit<SetUpFlags, "email">) => finish(register(context, link, flags)));
  withServer(
    account.command("reset-password <link>").description("set a new password by the link you got"),
  ).action((link: string, flags: ServerFlags) => finish(resetPassword(context, link, flags)));
  withServer(
    account.command("verify-email <link>").description("verify your e-mail address by the link you got"),
  ).action((link: string, flags: ServerFlags) => finish(verifyEmail(context, link, flags)));
};

const addUserCommands = (program: Command, context: CommandContext, finish: Finish): void => {
  const user = program
    .command("user")
    .description("accounts of people, for administrators; what changes them asks for your password");
  withServer(user.command("list").description("the users, by name"))
    .option("--search <text>", "part of the name or e-mail address")
    .action((flags: ServerFlags & { search?: string }) =>
      finish(userList(clientContext(context, flags), flags.search)),
    );
  withServer(user.command("invite <email>").description("a link by which somebody makes an account"))
    .option("--role <role>", "admin, developer or viewer", "developer")
    .action((email: string, flags: ServerFlags & { role: string }) =>
      finish(asPerson(context, flags, (client) => userInvite(client, email, flags.role))),
    );
  const one = (
    name: string,
    description: string,
    act: (context: ClientContext, name: string) => Promise<number>,
  ) =>
    withServer(user.command(`${name} <name>`).description(description)).action(
      (given: string, flags: ServerFlags) => finish(asPerson(context, flags, (client) => act(client, given))),
    );
  one("disable", "end a user's sessions and keys, and let the user in no more", (client, name) =>
    userPatch(client, name, { isActive: false }),
  );
  one("enable", "let a disabled user in again", (client, name) =>
    userPatch(client, name, { isActive: true }),
  );
  one("verify", "take a user's e-mail address as verified", (client, name) =>
    userPatch(client, name, { isVerified: true }),
  );
  one("reset", "a link by which the user sets a new password", (client, name) => userLink(client, name));
  withServer(user.command("role <name> <role>").description("make a user admin, developer or viewer")).action(
    (name: string, role: string, flags: ServerFlags) =>
      finish(asPerson(context, flags, (client) => userPatch(client, name, { role }))),
  );
};
