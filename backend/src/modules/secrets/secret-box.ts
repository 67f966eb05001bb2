import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { AppError } from "@agentvine/kit";
import type { KeyRing } from "./key-ring.ts";

/** Seals values so that a copy of the database tells nothing of them. */
export interface SecretBox {
  /** @param place what the value belongs to: it opens nowhere else */
  seal(value: string, place: string): string;
  /** @throws AppError `secret.key_unknown`, `secret.damaged` */
  open(sealed: string, place: string): string;
  /** The same value sealed with the newest key; undefined when it is already. @throws as `open` */
  reseal(sealed: string, place: string): string | undefined;
}

const marker = "avs1";
const cipher = "aes-256-gcm";
const nonceBytes = 12;
const tagBytes = 16;
const form = /^avs1\.([0-9a-f]{16})\.([A-Za-z0-9_-]{38,})$/;

/** True for text that a box has sealed. */
export const isSealed = (text: string): boolean => form.test(text);

/** The id of the key that the text was sealed with; undefined when it is not sealed. */
export const keyIdOf = (text: string): string | undefined => form.exec(text)?.[1];

const damaged = (cause?: unknown): AppError =>
  new AppError(
    "secret.damaged",
    "A stored secret can't be opened: it was changed, or moved from elsewhere.",
    {
      cause,
    },
  );

/** Marker and key are bound as well: neither can be exchanged. */
const boundTo = (keyId: string, place: string): Buffer => Buffer.from(`${marker}.${keyId}\0${place}`);

/**
 * AES-256-GCM. The text reads `avs1.<key id>.<nonce, ciphertext and tag in base64url>`. A nonce is drawn for each value: with one key,
 * far more values than an installation ever stores may be sealed before two could be alike.
 */
export function createSecretBox(ring: KeyRing): SecretBox {
  const seal: SecretBox["seal"] = (value, place) => {
    const { id, key } = ring.newest();
    const nonce = randomBytes(nonceBytes);
    const sealing = createCipheriv(cipher, key, nonce, { authTagLength: tagBytes });
    sealing.setAAD(boundTo(id, place));
    const sealed = Buffer.concat([
      nonce,
      sealing.update(value, "utf8"),
      sealing.final(),
      sealing.getAuthTag(),
    ]);
    return `${marker}.${id}.${sealed.toString("base64url")}`;
  };

  const open: SecretBox["open"] = (sealed, place) => {
    const [, id = "", payload = ""] = form.exec(sealed) ?? [];
    const bytes = Buffer.from(payload, "base64url");
    // Spare bits of the last sign could be changed without changing a byte.
    if (id === "" || bytes.toString("base64url") !== payload) throw damaged();
    const known = ring.find(id);
    if (known === undefined) {
      throw new AppError(
        "secret.key_unknown",
        `A stored secret was sealed with the master key ${id}, which this backend does not have.`,
        { data: { keyId: id } },
      );
    }
    const end = bytes.length - tagBytes;
    const opening = createDecipheriv(cipher, known.key, bytes.subarray(0, nonceBytes), {
      authTagLength: tagBytes,
    });
    opening.setAAD(boundTo(id, place));
    opening.setAuthTag(bytes.subarray(end));
    try {
      return Buffer.concat([opening.update(bytes.subarray(nonceBytes, end)), opening.final()]).toString(
        "utf8",
      );
    } catch (error) {
      throw damaged(error);
    }
  };

  return {
    seal,
    open,
    reseal: (sealed, place) =>
      keyIdOf(sealed) === ring.newest().id ? undefined : seal(open(sealed, place), place),
  };
}
