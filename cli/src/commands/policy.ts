import type { Command } from "commander";
import type { CommandContext, Finish, ServerFlags } from "./command.ts";
import { policyApply, policyRollback } from "./policy-change.ts";
import { policyCheck } from "./policy-check.ts";
import { policyAccept, policyDismiss, policyProposals } from "./policy-proposals.ts";
import { policyHistory, policyShow, policySimulate } from "./policy-show.ts";
import { clientContext, withServer } from "./task.ts";

interface ChangeFlags extends ServerFlags {
  readonly comment?: string;
  readonly basedOn?: string;
}

/** The commands `policy …`. */
export const addPolicyCommands = (program: Command, context: CommandContext, finish: Finish): void => {
  const policy = program.command("policy").description("the rules that decide what agents may do");
  policy
    .command("check <file>")
    .description("say what is wrong with a policy, with line and column; needs no backend")
    .option("--json", "print JSON")
    .action((file: string, flags: { json?: boolean }) => finish(policyCheck(context, file, flags)));
  withServer(
    policy.command("simulate <file>").description("what it would have decided over past worker requests"),
  )
    .option("--limit <number>", "how many requests are looked at, newest first", "200")
    .option("--all", "also show what both decide alike")
    .action((file: string, flags: ServerFlags & { limit: string; all?: boolean }) =>
      finish(policySimulate(clientContext(context, flags), file, flags)),
    );
  withServer(
    policy.command("show [version]").description("print a version; the active one unless told"),
  ).action((version: string | undefined, flags: ServerFlags) =>
    finish(policyShow(clientContext(context, flags), version)),
  );
  withServer(policy.command("history").description("the versions, newest first")).action(
    (flags: ServerFlags) => finish(policyHistory(clientContext(context, flags))),
  );
  withServer(policy.command("apply <file>").description("make a policy the active one"))
    .option("--comment <text>", "why")
    .option("--based-on <version>", "refuse when another version is active; the active one unless told")
    .action((file: string, flags: ChangeFlags) =>
      finish(policyApply(clientContext(context, flags), file, flags)),
    );
  withServer(
    policy
      .command("proposals [id]")
      .description("list the rules that were proposed with an answer; with an id, show one and its replay"),
  )
    .option("--all", "also those that were accepted or dismissed")
    .option("--limit <number>", "how many past requests the replay looks at, newest first", "200")
    .action((id: string | undefined, flags: ServerFlags & { all?: boolean; limit: string }) =>
      finish(policyProposals(clientContext(context, flags), id, flags)),
    );
  withServer(
    policy.command("accept <id>").description("take a proposed rule into the policy, as a new version"),
  )
    .option("--comment <text>", "why")
    .option("--based-on <version>", "refuse when another version is active; the active one unless told")
    .action((id: string, flags: ChangeFlags) =>
      finish(policyAccept(clientContext(context, flags), id, flags)),
    );
  withServer(policy.command("dismiss <id>").description("dismiss a proposed rule"))
    .option("--comment <text>", "why")
    .action((id: string, flags: ChangeFlags) =>
      finish(policyDismiss(clientContext(context, flags), id, flags)),
    );
  withServer(policy.command("rollback <version>").description("bring the content of a version back"))
    .option("--comment <text>", "why")
    .action((version: string, flags: ChangeFlags) =>
      finish(policyRollback(clientContext(context, flags), version, flags)),
    );
};
