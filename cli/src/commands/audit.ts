import { type AuditEntry, type AuditVerification, auditActionSchema, endpoints } from "@agentvine/contracts";
import { AppError, type KnownSeal } from "@agentvine/kit";
import type { Command } from "commander";
import { exitCodes } from "../exit-code.ts";
import { foreign } from "../output/output.ts";
import { table } from "../output/table.ts";
import { verifyFile, writeNewFile } from "./audit-file.ts";
import type { ClientContext, CommandContext, Finish, ServerFlags } from "./command.ts";
import { clientContext, withServer } from "./task.ts";

interface FilterFlags extends ServerFlags {
  readonly from?: string;
  readonly until?: string;
  readonly action?: string;
  readonly actor?: string;
  readonly user?: string;
  readonly targetType?: string;
  readonly target?: string;
}

interface VerifyFlags extends ServerFlags {
  readonly file?: string;
  readonly seal?: string;
}

const momentOf = (given: string | undefined, flag: string): string | undefined => {
  if (given === undefined) return undefined;
  const ms = Date.parse(given);
  if (Number.isNaN(ms))
    throw new AppError(
      "command.usage",
      `${flag} takes a moment such as 2026-01-31T12:00:00Z, not "${given}"`,
    );
  return new Date(ms).toISOString();
};

function filterOf(flags: FilterFlags) {
  const action = auditActionSchema.optional().safeParse(flags.action);
  if (!action.success) throw new AppError("command.usage", `--action: nothing is called "${flags.action}"`);
  const given = {
    ...{ from: momentOf(flags.from, "--from"), until: momentOf(flags.until, "--until"), action: action.data },
    ...{ actorId: flags.actor, userId: flags.user, targetType: flags.targetType, targetId: flags.target },
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

const whoText = ({ actorKind, actorName, actorId, userId }: AuditEntry): string =>
  foreign([actorKind, actorName ?? actorId?.slice(-8) ?? userId?.slice(-8) ?? ""].join(" ").trim());

/** `audit list`: who did what, newest first. */
const auditList = async (
  { client, output, json }: ClientContext,
  flags: FilterFlags & { readonly limit: string },
): Promise<number> => {
  const { items } = await client.call(endpoints.audit.list, {
    query: { ...filterOf(flags), limit: flags.limit },
  });
  if (json) output.json({ items });
  else if (items.length === 0) output.line("there is no such entry");
  else
    output.line(
      table(
        ["when", "what", "to", "who", "from"],
        items.map((entry) => [
          entry.occurredAt,
          entry.action,
          foreign(`${entry.targetType} ${entry.targetId?.slice(-8) ?? ""}`.trim()),
          whoText(entry),
          foreign(entry.address ?? ""),
        ]),
      ),
    );
  return exitCodes.ok;
};

/** `audit export`: JSON lines on stdout or in a new file. */
const auditExport = async (
  { client, output, signal }: ClientContext,
  flags: FilterFlags & { readonly out?: string },
): Promise<number> => {
  const answer = await client.open(endpoints.audit.export, { query: filterOf(flags), signal });
  if (flags.out !== undefined) {
    await writeNewFile(flags.out, answer);
    output.note(`written to ${flags.out}`);
    return exitCodes.ok;
  }
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of answer.body ?? []) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) output.line(line);
  }
  return exitCodes.ok;
};

const sealOf = (given: string | undefined): KnownSeal | undefined => {
  if (given === undefined) return undefined;
  const [, number, digest] = /^([1-9]\d{0,14}):([0-9a-f]{64})$/.exec(given) ?? [];
  if (number === undefined || digest === undefined)
    throw new AppError("command.usage", "--seal takes what verify printed: number:digest");
  return { number: Number(number), digest };
};

function show({ output, json }: ClientContext, result: AuditVerification): void {
  if (json) {
    output.json(result);
    return;
  }
  for (const { message } of result.faults) output.line(`✗ ${foreign(message)}`);
  const counts = `${result.entries} entries under ${result.seals} seals, ${result.removed} removed by the retention, ${result.unsealed} not sealed yet`;
  output.line(`${result.isIntact ? "intact" : "BROKEN"}: ${counts}`);
  if (result.last !== null && result.isIntact) {
    output.note("keep the last seal elsewhere and give it to the next run with --seal:");
    output.line(`${result.last.number}:${result.last.digest}`);
  }
}

/** `audit verify`: exit 1 when the log is not what was sealed. */
const auditVerify = async (context: ClientContext, flags: VerifyFlags): Promise<number> => {
  const seal = sealOf(flags.seal);
  const query = seal === undefined ? {} : { sealNumber: seal.number, sealDigest: seal.digest };
  const result =
    flags.file === undefined
      ? await context.client.call(endpoints.audit.verify, { query, timeoutMs: Number.POSITIVE_INFINITY })
      : await verifyFile(flags.file, seal);
  show(context, result);
  return result.isIntact ? exitCodes.ok : exitCodes.failed;
};

const withFilter = (command: Command): Command =>
  withServer(command)
    .option("--from <moment>", "since then")
    .option("--until <moment>", "before then")
    .option("--action <name>", "only this, such as api_key.revoked")
    .option("--actor <id>", "only what this user, key or work order did")
    .option("--user <id>", "only what was done in this person's name")
    .option("--target-type <word>", "only what was done to such things, such as policy")
    .option("--target <id>", "only what was done to this");

/** The commands `audit …`. */
export const addAuditCommands = (program: Command, context: CommandContext, finish: Finish): void => {
  const audit = program.command("audit").description("who did what, and whether the record of it is whole");
  withFilter(audit.command("list").description("entries, newest first"))
    .option("--limit <number>", "how many, at most 200", "50")
    .action((flags: FilterFlags & { limit: string }) =>
      finish(auditList(clientContext(context, flags), flags)),
    );
  withFilter(
    audit
      .command("export")
      .description("JSON lines, oldest first; without a filter with the seals, for verify --file"),
  )
    .option("--out <file>", "write into this new file, which only you can read")
    .action((flags: FilterFlags & { out?: string }) =>
      finish(auditExport(clientContext(context, flags), flags)),
    );
  withServer(
    audit
      .command("verify")
      .description("compute the seals anew; exit 1 when anything is not what was sealed"),
  )
    .option("--file <file>", "verify an export instead, without the backend")
    .option("--seal <number:digest>", "a seal that was noted down before: it must still be there")
    .action((flags: VerifyFlags) => finish(auditVerify(clientContext(context, flags), flags)));
};
