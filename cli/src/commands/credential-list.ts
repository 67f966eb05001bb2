import { type Credential, endpoints, type Repository } from "@agentvine/contracts";
import { exitCodes } from "../exit-code.ts";
import { foreign } from "../output/output.ts";
import { table } from "../output/table.ts";
import type { ClientContext } from "./command.ts";

const placeText = ({ host, repositoryId }: Credential, repositories: readonly Repository[]): string =>
  host ?? foreign(repositories.find(({ id }) => id === repositoryId)?.url ?? `repository ${repositoryId}`);

async function repositoriesOf(
  { client }: ClientContext,
  items: readonly Credential[],
): Promise<Repository[]> {
  const ids = new Set(items.flatMap(({ repositoryId }) => (repositoryId === null ? [] : [repositoryId])));
  return await Promise.all(
    [...ids].map((repositoryId) => client.call(endpoints.repositories.get, { params: { repositoryId } })),
  );
}

/** `credential list`: what is stored, for what, and when it was last handed out. */
export const credentialList = async (context: ClientContext): Promise<number> => {
  const { client, output, json } = context;
  const { items } = await client.call(endpoints.credentials.list);
  if (json) output.json({ items });
  else if (items.length === 0) output.line("there is no credential");
  else {
    const repositories = await repositoriesOf(context, items);
    output.line(
      table(
        ["id", "kind", "for", "user", "last used"],
        items.map((credential) => [
          credential.id.slice(-8),
          credential.kind === "token" ? "token" : "SSH key",
          placeText(credential, repositories),
          foreign(credential.username ?? ""),
          credential.lastUsedAt ?? "never",
        ]),
      ),
    );
  }
  return exitCodes.ok;
};
