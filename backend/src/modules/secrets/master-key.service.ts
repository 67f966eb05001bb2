import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AppError, coerceError } from "@agentvine/kit";
import { createCredential, readCredential, replaceCredential } from "../../credential-file.ts";
import { createKeyRing, type KeyRing, type MasterKey, parseMasterKeys } from "./key-ring.ts";

export interface MasterKeySource {
  home: string;
  /** Keys themselves, newest first. */
  masterKey: string | undefined;
  /** A file that holds them. */
  masterKeyFile: string | undefined;
}

export interface MasterKeys {
  readonly ring: KeyRing;
  /**
   * Puts a new key before the others, in the file that was made here.
   * @throws AppError `secret.key_not_ours` when the keys come from somewhere else
   */
  addKey(): Promise<void>;
}

const newKey = (): string => randomBytes(32).toString("base64");

/** A file is read again when a value names a key that is not known: another backend on the same file may have added it. */
function ringOfFile(path: string, first: readonly MasterKey[]): { ring: KeyRing; read: () => void } {
  let keys = first;
  const read = (): void => {
    keys = parseMasterKeys(readFileSync(path, "utf8"), path);
  };
  const ring = createKeyRing(() => keys);
  return {
    read,
    ring: {
      ...ring,
      find: (id) => {
        if (ring.find(id) === undefined) {
          try {
            read();
          } catch {
            // What is known stays known; the key asked for is not.
          }
        }
        return ring.find(id);
      },
    },
  };
}

const keyNotOurs = (source: string): AppError =>
  new AppError(
    "secret.key_not_ours",
    `The master key comes from ${source}: put a new key before the old one there, restart every backend, then rotate.`,
  );

function fromFile(path: string): MasterKeys {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new AppError(
      "config.invalid",
      `AGENTVINE_MASTER_KEY_FILE: ${path} can't be read: ${coerceError(error).message}`,
      { cause: error },
    );
  }
  const { ring } = ringOfFile(path, parseMasterKeys(text, path));
  return { ring, addKey: () => Promise.reject(keyNotOurs("AGENTVINE_MASTER_KEY_FILE")) };
}

async function fromHome(home: string): Promise<MasterKeys> {
  const path = join(home, "master.key");
  const text = (await readCredential(path)) ?? (await createCredential(path, newKey()));
  const { ring, read } = ringOfFile(path, parseMasterKeys(text, path));
  return {
    ring,
    addKey: async () => {
      const known = (await readCredential(path)) ?? "";
      await replaceCredential(path, `${newKey()}\n${known}`);
      read();
    },
  };
}

/**
 * The master keys of this backend: from the environment, a file, or the file `master.key` in its home, which is made when there is none.
 * @throws AppError `config.invalid`
 */
export async function loadMasterKeys({
  home,
  masterKey,
  masterKeyFile,
}: MasterKeySource): Promise<MasterKeys> {
  if (masterKey !== undefined && masterKeyFile !== undefined) {
    throw new AppError(
      "config.invalid",
      "Set either AGENTVINE_MASTER_KEY or AGENTVINE_MASTER_KEY_FILE, not both.",
    );
  }
  if (masterKey !== undefined) {
    const keys = parseMasterKeys(masterKey, "AGENTVINE_MASTER_KEY");
    return {
      ring: createKeyRing(() => keys),
      addKey: () => Promise.reject(keyNotOurs("AGENTVINE_MASTER_KEY")),
    };
  }
  return masterKeyFile === undefined ? await fromHome(home) : fromFile(masterKeyFile);
}
