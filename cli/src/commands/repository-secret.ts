import { endpoints } from "@agentvine/contracts";
import { exitCodes } from "../exit-code.ts";
import { foreign } from "../output/output.ts";
import { table } from "../output/table.ts";
import type { ClientContext, ServerFlags } from "./command.ts";
import { findRepository } from "./find-repository.ts";
import { readSecretValue } from "./secret-value.ts";

export interface RepositorySecretFlags extends ServerFlags {
  readonly file?: string;
}

/** `repository secret set`: stores a variable, or puts another value in place of its own. */
export const repositorySecretSet = async (
  context: ClientContext,
  given: string,
  name: string,
  flags: RepositorySecretFlags,
): Promise<number> => {
  const { client, output, json } = context;
  const { id: repositoryId, name: repository } = await findRepository(context, given);
  const value = await readSecretValue(context, { file: flags.file, flag: "--file", what: "the value" });
  const stored = await client.call(endpoints.secrets.set, {
    params: { repositoryId, name },
    body: { value },
  });
  if (json) output.json(stored);
  else output.line(`stored ${name} for ${foreign(repository)}`);
  return exitCodes.ok;
};

/** `repository secret list`. */
export const repositorySecretList = async (context: ClientContext, given: string): Promise<number> => {
  const { client, output, json } = context;
  const { id: repositoryId } = await findRepository(context, given);
  const { items } = await client.call(endpoints.secrets.list, { params: { repositoryId } });
  if (json) output.json({ items });
  else if (items.length === 0) output.line("there is no test-run secret");
  else
    output.line(
      table(
        ["name", "stored", "last used"],
        items.map(({ name, updatedAt, lastUsedAt }) => [name, updatedAt, lastUsedAt ?? "never"]),
      ),
    );
  return exitCodes.ok;
};

/** `repository secret remove`. */
export const repositorySecretRemove = async (
  context: ClientContext,
  given: string,
  name: string,
): Promise<number> => {
  const { client, output, json } = context;
  const { id: repositoryId } = await findRepository(context, given);
  await client.call(endpoints.secrets.remove, { params: { repositoryId, name } });
  if (json) output.json({ name, removed: true });
  else output.line(`removed ${name}`);
  return exitCodes.ok;
};
