import { open, rm } from "node:fs/promises";
import {
  type ApiKey,
  controllerPermissions,
  endpoints,
  type Permission,
  permissionSchema,
  workerPermissions,
} from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import { exitCodes } from "../exit-code.ts";
import { foreign } from "../output/output.ts";
import type { ClientContext, ServerFlags } from "./command.ts";
import { readDuration } from "./duration.ts";
import { findKey, permissionsText } from "./key-list.ts";

interface Made {
  readonly apiKey: ApiKey;
  readonly secret: string;
}

interface OutFlags extends ServerFlags {
  readonly out?: string;
}

export interface KeyCreateFlags extends OutFlags {
  readonly for?: string;
  readonly permissions?: string;
  readonly expires?: string;
}

export interface KeyRotateFlags extends OutFlags {
  readonly overlap: string;
}

const roles: Readonly<Record<string, readonly Permission[]>> = {
  worker: workerPermissions,
  controller: controllerPermissions,
};

function readPermissions(flags: KeyCreateFlags): Permission[] {
  if ((flags.for === undefined) === (flags.permissions === undefined))
    throw new AppError("command.usage", "say either --for worker|controller or --permissions a,b,c");
  if (flags.for !== undefined) {
    const role = roles[flags.for];
    if (role === undefined)
      throw new AppError("command.usage", `--for takes worker or controller, not "${flags.for}"`);
    return [...role];
  }
  return (flags.permissions ?? "").split(",").map((given) => {
    const { data } = permissionSchema.safeParse(given.trim());
    if (data !== undefined) return data;
    const known = permissionSchema.options.join(", ");
    throw new AppError("command.usage", `--permissions: "${given.trim()}" is none of ${known}`);
  });
}

const errnoOf = (error: unknown): string =>
  error instanceof Error && "code" in error ? String(error.code) : "";

/** A new file that only its owner can read; made before the key is, so that no key is lost to a wrong path. */
async function openSecretFile(path: string) {
  try {
    return await open(path, "wx", 0o600);
  } catch (error) {
    const reason = errnoOf(error) === "EEXIST" ? "it exists already" : errnoOf(error);
    throw new AppError("command.usage", `--out ${path}: ${reason}: name a new file`, { cause: error });
  }
}

function show({ output, json }: ClientContext, { apiKey, secret }: Made, file: string | undefined): void {
  if (json) {
    output.json(file === undefined ? { apiKey, secret } : { apiKey, file });
    return;
  }
  const end = apiKey.expiresAt === null ? "" : `, until ${apiKey.expiresAt}`;
  const what = `key ${apiKey.id} "${foreign(apiKey.name)}" for ${permissionsText(apiKey.permissions)}${end}`;
  output.note(`${what}; it is ${file === undefined ? "shown" : "written"} this once`);
  output.line(file ?? secret);
}

/** Makes a key and hands it out, once. */
async function handOut(
  context: ClientContext,
  { out }: OutFlags,
  make: () => Promise<Made>,
): Promise<number> {
  const file = out === undefined ? undefined : await openSecretFile(out);
  try {
    const made = await make();
    await file?.writeFile(`${made.secret}\n`);
    show(context, made, out);
    return exitCodes.ok;
  } catch (error) {
    if (out !== undefined) await rm(out, { force: true });
    throw error;
  } finally {
    await file?.close();
  }
}

/** `key create`: the key alone on stdout, everything about it on stderr. */
export const keyCreate = (context: ClientContext, name: string, flags: KeyCreateFlags): Promise<number> => {
  const permissions = readPermissions(flags);
  const expiresAt =
    flags.expires === undefined
      ? {}
      : { expiresAt: new Date(Date.now() + readDuration(flags.expires, "--expires") * 1_000).toISOString() };
  return handOut(context, flags, () =>
    context.client.call(endpoints.system.createApiKey, { body: { name, permissions, ...expiresAt } }),
  );
};

/** `key rotate`: a key in place of another, which still works for the overlap. */
export const keyRotate = async (
  context: ClientContext,
  given: string,
  flags: KeyRotateFlags,
): Promise<number> => {
  const overlapSeconds = readDuration(flags.overlap, "--overlap");
  const { id: apiKeyId } = await findKey(context, given);
  return await handOut(context, flags, () =>
    context.client.call(endpoints.system.rotateApiKey, { params: { apiKeyId }, body: { overlapSeconds } }),
  );
};

/** `key revoke`: the key is worthless at once. */
export const keyRevoke = async (context: ClientContext, given: string): Promise<number> => {
  const { client, output, json } = context;
  const { id: apiKeyId, name } = await findKey(context, given);
  await client.call(endpoints.system.revokeApiKey, { params: { apiKeyId } });
  if (json) output.json({ id: apiKeyId, revoked: true });
  else output.line(`revoked ${apiKeyId} "${foreign(name)}"`);
  return exitCodes.ok;
};
