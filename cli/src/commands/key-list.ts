import {
  type ApiKey,
  controllerPermissions,
  endpoints,
  type Permission,
  workerPermissions,
} from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import { exitCodes } from "../exit-code.ts";
import { foreign } from "../output/output.ts";
import { table } from "../output/table.ts";
import type { ClientContext } from "./command.ts";
import { matchGivenId, readGivenId } from "./given-id.ts";

const isSame = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((one) => b.includes(one));

/** What a key may do, in a few words. */
export const permissionsText = (permissions: readonly Permission[]): string => {
  if (isSame(permissions, workerPermissions)) return "worker";
  if (isSame(permissions, controllerPermissions)) return "controller";
  return permissions.join(", ");
};

const isOver = ({ revokedAt, expiresAt }: ApiKey, now: Date): boolean =>
  revokedAt !== null || (expiresAt !== null && new Date(expiresAt) <= now);

const stateText = (key: ApiKey, now: Date): string => {
  if (key.revokedAt !== null) return `revoked ${key.revokedAt}`;
  if (key.expiresAt === null) return "works";
  return isOver(key, now) ? `expired ${key.expiresAt}` : `works until ${key.expiresAt}`;
};

/** The key of an id as it was typed. @throws AppError `command.usage`, `api_key.not_found` */
export async function findKey({ client }: ClientContext, given: string): Promise<ApiKey> {
  const { id } = readGivenId(given, "key");
  const { items } = await client.call(endpoints.system.listApiKeys);
  const found = matchGivenId(items, id, "key");
  if (found === undefined) throw new AppError("api_key.not_found", `there is no key ${given}`);
  return found;
}

/** `key list`: the keys that work, newest first. */
export const keyList = async (
  { client, output, json }: ClientContext,
  { all = false }: { readonly all?: boolean },
): Promise<number> => {
  const now = new Date();
  const { items } = await client.call(endpoints.system.listApiKeys);
  const shown = items.filter((key) => all || !isOver(key, now));
  if (json) output.json({ items: shown });
  else if (shown.length === 0) output.line("there is no key");
  else
    output.line(
      table(
        ["id", "name", "begins with", "for", "last used", "state"],
        shown.map((key) => [
          key.id.slice(-8),
          foreign(key.name),
          key.prefix,
          permissionsText(key.permissions),
          key.lastUsedAt ?? "never",
          stateText(key, now),
        ]),
      ),
    );
  return exitCodes.ok;
};
