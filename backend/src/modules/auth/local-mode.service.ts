import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { controllerPermissions, type Permission, workerPermissions } from "@agentvine/contracts";
import { createCredential, readCredential } from "../../credential-file.ts";
import type { Db } from "../../database/client.ts";
import type { ApiKeyService } from "../api-keys/index.ts";
import type { Secrets } from "../secrets/index.ts";
import { ensureLocalUser } from "./auth.repository.ts";
import { createTokenSigner } from "./token-signer.ts";

/** Who and what local mode knows: one user, one token for the command line, a key each for the workers and controllers of this machine. */
export interface LocalMode {
  userId: string;
  token: string;
  tokenFile: string;
  workerKeyFile: string;
  controllerKeyFile: string;
  /** The installation's secret. */
  secret: string;
}

type InstallationSecrets = Pick<Secrets, "ensureSetting">;

/** The installation's secret, 32 bytes in hexadecimal, shared by all its backends; made once. */
const ensureInstallationSecret = (secrets: InstallationSecrets): Promise<string> =>
  secrets.ensureSetting("installation.secret", () => randomBytes(32).toString("hex"));

async function ensureToken(tokenFile: string): Promise<string> {
  const found = await readCredential(tokenFile);
  if (found !== undefined) {
    return found;
  }
  const token = `avl_${randomBytes(32).toString("base64url")}`;
  return await createCredential(tokenFile, token);
}

interface MachineKey {
  name: string;
  permissions: readonly Permission[];
  createdBy: string;
}

async function ensureKey(
  path: string,
  apiKeys: ApiKeyService,
  { permissions, ...key }: MachineKey,
): Promise<void> {
  const found = await readCredential(path);
  if (found !== undefined && (await apiKeys.find(found)) !== undefined) {
    return;
  }
  if (found !== undefined) await rm(path, { force: true });
  const { apiKey, secret } = await apiKeys.create({
    ...{ ...key, permissions: [...permissions] },
    isOfInstallation: true,
  });
  // Another backend on this home was quicker: its key is the one that workers read.
  // security: no-timing-unsafe-compare because both were made by us a moment ago; nobody outside can try values
  if ((await createCredential(path, secret)) !== secret) await apiKeys.revoke(apiKey.id);
}

/** Makes what is missing and reads the rest. The files are readable by the owner alone. */
export async function prepareLocalMode(deps: {
  db: Db;
  apiKeys: ApiKeyService;
  secrets: InstallationSecrets;
  home: string;
}): Promise<LocalMode> {
  const tokenFile = join(deps.home, "token");
  const workerKeyFile = join(deps.home, "worker.key");
  const controllerKeyFile = join(deps.home, "controller.key");
  const [userId, secret, token] = await Promise.all([
    ensureLocalUser(deps.db),
    ensureInstallationSecret(deps.secrets),
    ensureToken(tokenFile),
  ]);
  const createdBy = userId;
  await Promise.all([
    ensureKey(workerKeyFile, deps.apiKeys, {
      ...{ name: "workers of this machine", permissions: workerPermissions, createdBy },
    }),
    ensureKey(controllerKeyFile, deps.apiKeys, {
      ...{ name: "controllers of this machine", permissions: controllerPermissions, createdBy },
    }),
  ]);
  return { userId, token, tokenFile, workerKeyFile, controllerKeyFile, secret };
}

/** A name of 16 characters for this installation, the same for all its backends; where others may see it, it tells nothing of the secret. */
export async function nameInstallation(secrets: InstallationSecrets): Promise<string> {
  const signer = createTokenSigner(await ensureInstallationSecret(secrets), "installation name");
  return signer.sign("").slice(0, 16);
}
