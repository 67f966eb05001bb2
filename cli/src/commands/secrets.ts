import { endpoints, type SealState } from "@agentvine/contracts";
import type { Command } from "commander";
import { exitCodes } from "../exit-code.ts";
import { table } from "../output/table.ts";
import type { ClientContext, CommandContext, Finish, ServerFlags } from "./command.ts";
import { clientContext, withServer } from "./task.ts";

const stateText = ({ newestKeyId, masterKeys }: SealState): string =>
  table(
    ["master key", "sealed with it", "state"],
    masterKeys.map(({ id, sealed, isKnown }) => [
      id,
      String(sealed),
      id === newestKeyId
        ? "newest"
        : !isKnown
          ? "missing here: its secrets can't be opened"
          : sealed === 0
            ? "no longer needed"
            : "still needed",
    ]),
  );

/** `secrets status`. */
const secretsStatus = async ({ client, output, json }: ClientContext): Promise<number> => {
  const state = await client.call(endpoints.secrets.state);
  if (json) output.json(state);
  else output.line(stateText(state));
  return exitCodes.ok;
};

/** `secrets rotate`: exit code 1 when something could not be sealed anew. */
const secretsRotate = async (
  { client, output, json }: ClientContext,
  { newKey = false }: { readonly newKey?: boolean },
): Promise<number> => {
  const result = await client.call(endpoints.secrets.rotate, {
    body: { makesKey: newKey },
    timeoutMs: 600_000,
  });
  if (json) output.json(result);
  else {
    output.line(
      `sealed anew: ${result.resealed}${result.failed === 0 ? "" : `; could not be opened: ${result.failed}`}`,
    );
    output.line(stateText(result));
  }
  return result.failed === 0 ? exitCodes.ok : exitCodes.failed;
};

/** The commands `secrets …`. */
export const addSecretsCommands = (program: Command, context: CommandContext, finish: Finish): void => {
  const secrets = program.command("secrets").description("how stored secrets are sealed");
  withServer(secrets.command("status").description("which master keys they are sealed with")).action(
    (flags: ServerFlags) => finish(secretsStatus(clientContext(context, flags))),
  );
  withServer(
    secrets
      .command("rotate")
      .description("seal every stored secret anew with the newest master key; it can be repeated"),
  )
    .option("--new-key", "first make a new key, where the backend keeps the key in its own file")
    .action((flags: ServerFlags & { newKey?: boolean }) =>
      finish(secretsRotate(clientContext(context, flags), flags)),
    );
};
