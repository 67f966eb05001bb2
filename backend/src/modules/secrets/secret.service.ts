import type { SealRotated, SealState } from "@agentvine/contracts";
import { AppError, coerceError, isAppError, type Logger } from "@agentvine/kit";
import type { Db } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { recordAudit } from "../audit/index.ts";
import type { KeyRing } from "./key-ring.ts";
import { loadMasterKeys, type MasterKeySource, type MasterKeys } from "./master-key.service.ts";
import { placeIn, placeOf, type SealedColumn, sealedColumns } from "./sealed-places.ts";
import {
  countByKey,
  ensureTextSetting,
  exchangeValue,
  lockMasterKeys,
  readSealedOtherwise,
  readUnsealed,
} from "./sealed-value.repository.ts";
import { createSecretBox, type SecretBox } from "./secret-box.ts";

/** Keeps what must not be readable in a copy of the database. */
export interface Secrets extends SecretBox {
  /**
   * The text of a setting that is kept sealed; made when there is none.
   * @throws AppError `secret.key_unknown`, `secret.damaged`
   */
  ensureSetting(key: string, value: () => string): Promise<string>;
  state(): Promise<SealState>;
  /**
   * Seals everything anew that is not sealed with the newest key, value by value: what was done stays done, and the next call goes on
   * where this one ended. What can't be opened stays as it is, and is counted.
   * @throws AppError `secret.key_not_ours` when a new key is wanted and the keys come from elsewhere
   */
  rotate(options: { makesKey: boolean }): Promise<SealRotated>;
}

export interface SecretsDeps {
  db: Db;
  source: MasterKeySource;
  logger: Logger;
}

const checkKey = "secrets.check";
const checkText = "agentvine";

/** The database is asked whether its secrets were sealed with a key of ours. */
async function assertSameKeys(db: Db, box: SecretBox, ring: KeyRing): Promise<void> {
  const place = placeOf.setting(checkKey);
  const sealed = await ensureTextSetting(db, checkKey, () => box.seal(checkText, place));
  try {
    box.open(sealed, place);
  } catch (error) {
    const keyId = isAppError(error, "secret.key_unknown") ? String(error.data?.keyId) : "another one";
    throw new AppError(
      "secret.master_key_wrong",
      `The secrets in this database were sealed with the master key ${keyId}; this backend has ${ring.ids().join(", ")}. ` +
        "Give all backends on one database the same AGENTVINE_MASTER_KEY, AGENTVINE_MASTER_KEY_FILE or master.key in their home.",
      { cause: error },
    );
  }
}

/** Seals what a version before wrote down as it is. */
async function sealOld(db: Db, box: SecretBox): Promise<number> {
  let sealed = 0;
  for (const column of sealedColumns) {
    for (const stored of await readUnsealed(db, column)) {
      const place = placeIn(column, stored.boundTo);
      if (await exchangeValue(db, column, stored, box.seal(stored.value, place))) sealed += 1;
    }
  }
  return sealed;
}

/**
 * Opens the box of this backend, checks it against the database, and seals what is not sealed yet.
 * @throws AppError `config.invalid`, `secret.master_key_wrong`
 */
export async function openSecrets({ db, source, logger }: SecretsDeps): Promise<Secrets> {
  const keys: MasterKeys = await loadMasterKeys(source);
  const { ring } = keys;
  const box = createSecretBox(ring);
  await assertSameKeys(db, box, ring);
  const sealed = await sealOld(db, box);
  if (sealed > 0) logger.info({ sealed }, "secrets of an earlier version were sealed");

  const resealColumn = async (column: SealedColumn): Promise<{ resealed: number; failed: number }> => {
    const count = { resealed: 0, failed: 0 };
    for (const stored of await readSealedOtherwise(db, column, ring.newest().id)) {
      try {
        const next = box.reseal(stored.value, placeIn(column, stored.boundTo));
        if (next !== undefined && (await exchangeValue(db, column, stored, next))) count.resealed += 1;
      } catch (error) {
        if (!isAppError(error)) throw error;
        count.failed += 1;
        const where = { table: column.table, row: stored.boundTo[0] };
        logger.warn({ ...where, err: coerceError(error) }, "a stored secret could not be sealed anew");
      }
    }
    return count;
  };

  const state = async (): Promise<SealState> => {
    const counts = await countByKey(db);
    const ids = [...new Set([...ring.ids(), ...counts.keys()])];
    return {
      newestKeyId: ring.newest().id,
      masterKeys: ids.map((id) => ({
        id,
        sealed: counts.get(id) ?? 0,
        isKnown: ring.find(id) !== undefined,
      })),
    };
  };

  return {
    ...box,
    ensureSetting: async (key, value) => {
      const place = placeOf.setting(key);
      return box.open(await ensureTextSetting(db, key, () => box.seal(value(), place)), place);
    },
    state,
    async rotate({ makesKey }) {
      if (makesKey) {
        await inTransaction(db, async (tx) => {
          await lockMasterKeys(tx);
          await keys.addKey();
        });
      }
      const total = { resealed: 0, failed: 0 };
      // The settings come last, and with them the check: until all is done, a backend needs the older keys to start.
      for (const column of [...sealedColumns].reverse()) {
        const { resealed, failed } = await resealColumn(column);
        total.resealed += resealed;
        total.failed += failed;
      }
      const detail = { ...total, isKeyNew: makesKey };
      await recordAudit(db, { action: "secret.rotated", targetType: "secrets", targetId: null, detail });
      logger.info({ ...total, keyId: ring.newest().id }, "stored secrets were sealed anew");
      return { ...total, ...(await state()) };
    },
  };
}
