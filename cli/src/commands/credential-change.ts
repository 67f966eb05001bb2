import { type Credential, type CredentialCreate, endpoints } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import { exitCodes } from "../exit-code.ts";
import type { ClientContext, ServerFlags } from "./command.ts";
import { findRepository } from "./find-repository.ts";
import { matchGivenId, readGivenId } from "./given-id.ts";
import { readGivenFile, readSecretValue } from "./secret-value.ts";

export interface CredentialAddFlags extends ServerFlags {
  readonly host?: string;
  readonly repository?: string;
  readonly username?: string;
  readonly tokenFile?: string;
  readonly sshKey?: string;
  readonly knownHosts?: string;
  readonly replace?: boolean;
}

type Place = { readonly host: string } | { readonly repositoryId: string };
type Value =
  | { readonly kind: "token"; readonly username?: string; readonly value: string }
  | { readonly kind: "ssh_key"; readonly value: string; readonly knownHosts: string };

async function readPlace(context: ClientContext, { host, repository }: CredentialAddFlags): Promise<Place> {
  if ((host === undefined) === (repository === undefined))
    throw new AppError("command.usage", "say either --host or --repository");
  return host === undefined
    ? { repositoryId: (await findRepository(context, repository ?? "")).id }
    : { host: host.toLowerCase() };
}

async function readValue(context: ClientContext, flags: CredentialAddFlags): Promise<Value> {
  const { sshKey, knownHosts, username, tokenFile } = flags;
  if (sshKey === undefined) {
    if (knownHosts !== undefined) throw new AppError("command.usage", "--known-hosts belongs to --ssh-key");
    const value = await readSecretValue(context, {
      file: tokenFile,
      flag: "--token-file",
      what: "the token",
    });
    return { kind: "token", value, ...(username === undefined ? {} : { username }) };
  }
  if (username !== undefined || tokenFile !== undefined)
    throw new AppError("command.usage", "--ssh-key takes neither --username nor --token-file");
  if (knownHosts === undefined)
    throw new AppError(
      "command.usage",
      "--ssh-key needs --known-hosts: a file with the host's public keys (ssh-keyscan prints them; compare them with what the host publishes)",
    );
  return {
    kind: "ssh_key",
    value: await readGivenFile(sshKey, "--ssh-key"),
    knownHosts: await readGivenFile(knownHosts, "--known-hosts"),
  };
}

/** The credential of that kind that is there already. */
async function findSame(
  { client }: ClientContext,
  place: Place,
  kind: string,
): Promise<Credential | undefined> {
  const { items } = await client.call(endpoints.credentials.list);
  return items.find(
    (credential) =>
      credential.kind === kind &&
      ("host" in place ? credential.host === place.host : credential.repositoryId === place.repositoryId),
  );
}

async function store(
  context: ClientContext,
  place: Place,
  value: Value,
  replaces: boolean,
): Promise<Credential> {
  const { client } = context;
  const before = replaces ? await findSame(context, place, value.kind) : undefined;
  if (before === undefined) {
    // The backend fills in the user name.
    const body = { ...place, ...value } as CredentialCreate;
    return await client.call(endpoints.credentials.create, { body });
  }
  const { kind: _, ...body } = value;
  return await client.call(endpoints.credentials.update, { params: { credentialId: before.id }, body });
}

/** `credential add`: stores a credential; its value is shown by nobody afterwards. */
export const credentialAdd = async (context: ClientContext, flags: CredentialAddFlags): Promise<number> => {
  const place = await readPlace(context, flags);
  const credential = await store(context, place, await readValue(context, flags), flags.replace === true);
  if (context.json) context.output.json(credential);
  else
    context.output.line(
      `stored ${credential.id} for ${credential.host ?? `repository ${credential.repositoryId}`}`,
    );
  return exitCodes.ok;
};

/** `credential remove`. */
export const credentialRemove = async (context: ClientContext, given: string): Promise<number> => {
  const { client, output, json } = context;
  const { id } = readGivenId(given, "credential");
  const { items } = await client.call(endpoints.credentials.list);
  const found = matchGivenId(items, id, "credential");
  if (found === undefined) throw new AppError("credential.not_found", `there is no credential ${given}`);
  await client.call(endpoints.credentials.delete, { params: { credentialId: found.id } });
  if (json) output.json({ id: found.id, removed: true });
  else output.line(`removed ${found.id}`);
  return exitCodes.ok;
};
