import type { Command } from "commander";
import type { CommandContext, Finish, ServerFlags } from "./command.ts";
import { type InboxAnswerFlags, inboxAnswer } from "./inbox-answer.ts";
import { type InboxListFlags, inboxList, inboxShow } from "./inbox-list.ts";
import { clientContext, withServer } from "./task.ts";

/** The commands `inbox …`. */
export const addInboxCommands = (program: Command, context: CommandContext, finish: Finish): void => {
  const inbox = program.command("inbox").description("what agents ask, and answer it");
  withServer(inbox.command("list").description("list what waits for an answer of people, oldest first"))
    .option("--kind <names>", "only these, by comma: clarification, question, approval")
    .option("--task <id>", "only of this task")
    .option("--mine", "only what was given to you or to everybody, not what others were given")
    .option("--all", "also what a controller has now")
    .option("--settled", "what is settled already, newest first")
    .option("--page <number>", "which page", Number)
    .option("--page-size <number>", "requests a page, at most 100", Number)
    .action((flags: InboxListFlags & ServerFlags) => finish(inboxList(clientContext(context, flags), flags)));
  withServer(inbox.command("show <id>").description("everything about one request")).action(
    (id: string, flags: ServerFlags) => finish(inboxShow(clientContext(context, flags), id)),
  );
  withServer(inbox.command("answer <id> [text]").description("answer a request; the first answer wins"))
    .option("--allow", "allow what an approval asks for")
    .option("--deny", "deny it")
    .option("--choice <option>", "one of the options offered, by its id or number")
    .option("--edit <command>", "allow this shell line instead of the one asked for")
    .option("--scope <scope>", "once, task (as long as the task lives) or rule (once, and proposes a rule)")
    .option("--alike", "give the same answer to the others that are open and ask the same, 99 at most")
    .option("--comment <text>", "said to the agent with a denial, kept with an allowance")
    .action((id: string, text: string | undefined, flags: InboxAnswerFlags & ServerFlags) =>
      finish(inboxAnswer(clientContext(context, flags), id, text, flags)),
    );
};
