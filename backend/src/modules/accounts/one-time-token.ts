import { createHash, createHmac, randomBytes } from "node:crypto";

/** 256 bits that nobody guesses: a plain hash of them may be kept. */
const secretBytes = 32;

/** What is kept of a token. */
export const hashToken = (token: string): string => createHash("sha256").update(token).digest("hex");

/** What a link carries: used once. */
export const makeLinkToken = (): string => `avo_${randomBytes(secretBytes).toString("base64url")}`;

/** A refresh token that begins a family. */
export const makeRefreshToken = (): string => `avr_${randomBytes(secretBytes).toString("base64url")}`;

export const makeSuccessorSalt = (): Buffer => randomBytes(secretBytes);

/**
 * The token that takes the place of another. It follows from that one and the salt, so it can be given again to who lost the answer;
 * neither the database (which lacks the token) nor who stole an old token (and lacks the salt) can tell it.
 */
export const successorOf = (token: string, salt: Buffer): string =>
  `avr_${createHmac("sha256", salt).update(token).digest("base64url")}`;
