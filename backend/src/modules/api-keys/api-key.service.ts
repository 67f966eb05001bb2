import { timingSafeEqual } from "node:crypto";
import type { ApiKey, Permission } from "@agentvine/contracts";
import { AppError, coerceError, type Logger } from "@agentvine/kit";
import type { Db } from "../../database/client.ts";
import {
  type ApiKeyRow,
  findLiveApiKey,
  insertApiKey,
  listApiKeys,
  revokeApiKey,
  touchApiKey,
} from "./api-key.repository.ts";
import { hashApiKey, makeApiKey } from "./api-key.ts";

export interface ApiKeyService {
  /** Makes a key; `secret` is the key itself and is never shown again. */
  create(input: {
    name: string;
    permissions: Permission[];
    createdBy: string;
    expiresAt?: string | undefined;
  }): Promise<{ apiKey: ApiKey; secret: string }>;
  list(): Promise<ApiKey[]>;
  /** @throws AppError `api_key.not_found` */
  revoke(id: string): Promise<void>;
  /** Who holds this key; undefined when it is unknown, expired or revoked. */
  find(key: string): Promise<{ id: string; userId: string; permissions: Permission[] } | undefined>;
}

const toResource = (row: ApiKeyRow): ApiKey => ({
  id: row.id,
  name: row.name,
  prefix: row.prefix,
  permissions: row.permissions,
  createdAt: row.createdAt.toISOString(),
  lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
  expiresAt: row.expiresAt?.toISOString() ?? null,
  revokedAt: row.revokedAt?.toISOString() ?? null,
});

/** Keys of machines. */
export function createApiKeyService({ db, logger }: { db: Db; logger: Logger }): ApiKeyService {
  return {
    async create({ name, permissions, createdBy, expiresAt }) {
      if (permissions.includes("attempt:write")) {
        const message = "attempt:write can't be given to a key: attempts get tokens of their own";
        throw new AppError("request.invalid", `The request is not valid: ${message}.`, {
          issues: [{ path: "permissions", message }],
        });
      }
      const { key, prefix, keyHash } = makeApiKey();
      const row = await insertApiKey(db, {
        name,
        prefix,
        keyHash,
        permissions: [...new Set(permissions)],
        createdBy,
        expiresAt: expiresAt === undefined ? null : new Date(expiresAt),
      });
      return { apiKey: toResource(row), secret: key };
    },
    async list() {
      return (await listApiKeys(db)).map(toResource);
    },
    async revoke(id) {
      if (!(await revokeApiKey(db, id))) {
        throw new AppError("api_key.not_found", "There is no such API key.");
      }
    },
    async find(key) {
      const keyHash = hashApiKey(key);
      const row = await findLiveApiKey(db, keyHash);
      if (row === undefined || !timingSafeEqual(Buffer.from(row.keyHash), Buffer.from(keyHash))) {
        return undefined;
      }
      // Nobody waits for this note.
      touchApiKey(db, row.id).catch((error: unknown) => {
        logger.warn({ err: coerceError(error) }, "could not note the use of an API key");
      });
      return { id: row.id, userId: row.createdBy, permissions: row.permissions };
    },
  };
}
