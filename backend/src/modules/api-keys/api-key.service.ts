import { timingSafeEqual } from "node:crypto";
import { type ApiKey, isMachineKey, type Permission, rolePermissions } from "@agentvine/contracts";
import { AppError, type Clock, coerceError, type Logger } from "@agentvine/kit";
import type { Db, Tx } from "../../database/client.ts";
import { inBatches } from "../../database/in-batches.ts";
import type { Notifications } from "../../database/notifications.ts";
import { inTransaction } from "../../database/transaction.ts";
import { createRecent } from "../../recent.ts";
import { recordAudit } from "../audit/index.ts";
import {
  type ApiKeyRow,
  announceKeyChange,
  apiKeyChannel,
  countLiveApiKeys,
  deleteEndedApiKeys,
  endApiKeyAfter,
  findApiKey,
  findLiveApiKey,
  insertApiKey,
  type LiveApiKey,
  listApiKeys,
  lockApiKey,
  revokeApiKey,
  touchApiKey,
} from "./api-key.repository.ts";
import { hashApiKey, makeApiKey } from "./api-key.ts";

export interface ApiKeyService {
  /**
   * Makes a key; `secret` is the key itself and is never shown again.
   * @throws AppError `api_key.limit_reached`, unless the installation makes it for itself; `request.invalid`
   */
  create(input: {
    name: string;
    permissions: Permission[];
    createdBy: string;
    expiresAt?: string | undefined;
    isOfInstallation?: boolean;
  }): Promise<{ apiKey: ApiKey; secret: string }>;
  /**
   * Makes a key that may do what another may, in whose place it acts: what was registered with that one is its own. The other one ends
   * after `overlapSeconds`, unless it ends before; the new one lives as long as the other one was given.
   * @throws AppError `api_key.not_found`, `api_key.not_live`
   */
  rotate(input: {
    id: string;
    overlapSeconds: number;
    createdBy: string;
    /** The new one ends then at the latest. */
    expiresMax?: Date | null | undefined;
  }): Promise<{ apiKey: ApiKey; secret: string }>;
  /** The newest keys, at most 1,000. @param ownerId of that person alone */
  list(ownerId?: string): Promise<ApiKey[]>;
  /** @throws AppError `api_key.not_found` */
  get(id: string): Promise<ApiKey>;
  /** @throws AppError `api_key.not_found` */
  revoke(id: string): Promise<void>;
  /** Removes keys that ended more than so many days ago. Returns how many. */
  forgetEnded(days: number): Promise<number>;
  /**
   * Who holds this key; undefined when it is unknown, expired or revoked. The id is that of the first key of its line. A person's key may
   * never do more than the person, and dies with the account; a worker's or controller's goes on.
   */
  find(
    key: string,
  ): Promise<{ id: string; userId: string; permissions: Permission[]; expiresAt: Date | null } | undefined>;
}

const toResource = (row: ApiKeyRow): ApiKey => ({
  id: row.id,
  name: row.name,
  createdBy: row.createdBy,
  prefix: row.prefix,
  permissions: row.permissions,
  createdAt: row.createdAt.toISOString(),
  lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
  expiresAt: row.expiresAt?.toISOString() ?? null,
  revokedAt: row.revokedAt?.toISOString() ?? null,
  rotatedFromId: row.rotatedFromId,
});

/** The end of a key that lives as long as another one did when it was made, from now; null when that one has no end. */
const sameLifetime = ({ createdAt, expiresAt }: ApiKeyRow, now: Date): Date | null =>
  expiresAt === null ? null : new Date(now.getTime() + expiresAt.getTime() - createdAt.getTime());

/** What the key may do now, whatever it was made for. */
const permissionsOf = ({ permissions, ownerRole }: LiveApiKey): Permission[] =>
  isMachineKey(permissions)
    ? permissions
    : permissions.filter((permission) => rolePermissions[ownerRole].includes(permission));

/** The earlier of two ends; null is never. */
const earlier = (a: Date | null, b: Date | null): Date | null =>
  a === null || b === null ? (a ?? b) : new Date(Math.min(a.getTime(), b.getTime()));

const unknownKey = (): AppError => new AppError("api_key.not_found", "There is no such API key.");

/** Notes in the audit log what became of a key. */
const recordKey = (
  tx: Tx,
  action: "api_key.created" | "api_key.rotated" | "api_key.revoked",
  { id, name, prefix, permissions, expiresAt }: ApiKeyRow,
  detail: object = {},
): Promise<void> =>
  recordAudit(tx, {
    ...{ action, targetType: "api_key", targetId: id },
    detail: { name, prefix, permissions, expiresAt, ...detail },
  });

/** How long a key that was found is taken as live: a revocation elsewhere is felt within this time at the latest. */
const knownMsMax = 1_000;
const knownMax = 1_000;
const noteUseEveryMs = 60_000;
/** Keys of one person that may be used at the same time. */
const liveKeysMax = 200;

export interface ApiKeyServiceDeps {
  db: Db;
  clock: Clock;
  logger: Logger;
  notifications: Pick<Notifications, "on">;
}

/** Keys of machines. */
export function createApiKeyService({ db, clock, logger, notifications }: ApiKeyServiceDeps): ApiKeyService {
  const known = createRecent<LiveApiKey>({ clock, msMax: knownMsMax, sizeMax: knownMax });
  const noted = createRecent<true>({ clock, msMax: noteUseEveryMs, sizeMax: knownMax });
  notifications.on(apiKeyChannel, () => known.clear());

  const lookUp = async (keyHash: string): Promise<LiveApiKey | undefined> => {
    const generation = known.generation();
    const row = await findLiveApiKey(db, keyHash);
    if (row !== undefined && !row.isOwnerActive && !isMachineKey(row.permissions)) return undefined;
    if (row !== undefined) known.set(keyHash, row, generation);
    return row;
  };
  // Nobody waits for this note.
  const noteUse = (id: string): void => {
    if (noted.get(id) === true) return;
    noted.set(id, true);
    touchApiKey(db, id).catch((error: unknown) => {
      logger.warn({ err: coerceError(error) }, "could not note the use of an API key");
    });
  };

  return {
    async create({ name, permissions, createdBy, expiresAt, isOfInstallation = false }) {
      if (permissions.includes("attempt:write")) {
        const message = "attempt:write can't be given to a key: attempts get tokens of their own";
        throw new AppError("request.invalid", `The request is not valid: ${message}.`, {
          issues: [{ path: "permissions", message }],
        });
      }
      const { key, prefix, keyHash } = makeApiKey();
      const row = await inTransaction(db, async (tx) => {
        if (!isOfInstallation && (await countLiveApiKeys(tx, createdBy)) >= liveKeysMax)
          throw new AppError(
            "api_key.limit_reached",
            `You have ${liveKeysMax} API keys that may be used already: revoke those that are not used.`,
          );
        const made = await insertApiKey(tx, {
          ...{ name, prefix, keyHash, createdBy, permissions: [...new Set(permissions)] },
          expiresAt: expiresAt === undefined ? null : new Date(expiresAt),
        });
        await recordKey(tx, "api_key.created", made);
        return made;
      });
      return { apiKey: toResource(row), secret: key };
    },
    rotate: ({ id, overlapSeconds, createdBy, expiresMax = null }) =>
      inTransaction(db, async (tx) => {
        const found = await lockApiKey(tx, id);
        if (found === undefined) throw unknownKey();
        const { row, isLive } = found;
        if (!isLive)
          throw new AppError("api_key.not_live", "The API key was revoked or has expired: make a new one.");
        const { key, prefix, keyHash } = makeApiKey();
        const { name, permissions } = row;
        const made = await insertApiKey(tx, {
          ...{ name, prefix, keyHash, permissions, createdBy },
          expiresAt: earlier(sameLifetime(row, clock.now()), expiresMax),
          rotatedFromId: row.id,
          lineId: row.lineId ?? row.id,
        });
        await endApiKeyAfter(tx, row.id, overlapSeconds);
        await recordKey(tx, "api_key.rotated", row, { overlapSeconds, newKeyId: made.id });
        announceKeyChange(tx);
        return { apiKey: toResource(made), secret: key };
      }),
    async list(ownerId) {
      return (await listApiKeys(db, ownerId)).map(toResource);
    },
    async get(id) {
      const row = await findApiKey(db, id);
      if (row === undefined) throw unknownKey();
      return toResource(row);
    },
    async revoke(id) {
      await inTransaction(db, async (tx) => {
        const found = await lockApiKey(tx, id);
        if (found === undefined) throw unknownKey();
        if (found.row.revokedAt === null) await recordKey(tx, "api_key.revoked", found.row);
        await revokeApiKey(tx, id);
        announceKeyChange(tx);
      });
      known.clear();
    },
    forgetEnded: (days) => inBatches((limit) => deleteEndedApiKeys(db, days, limit)),
    async find(key) {
      const keyHash = hashApiKey(key);
      const row = known.get(keyHash) ?? (await lookUp(keyHash));
      if (row === undefined || !timingSafeEqual(Buffer.from(row.keyHash), Buffer.from(keyHash))) {
        return undefined;
      }
      noteUse(row.id);
      return {
        id: row.lineId ?? row.id,
        userId: row.createdBy,
        permissions: permissionsOf(row),
        expiresAt: row.expiresAt,
      };
    },
  };
}
