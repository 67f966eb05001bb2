import { hkdfSync, type webcrypto } from "node:crypto";
import type { Clock } from "@agentvine/kit";
import { errors, type JWTHeaderParameters, jwtVerify, SignJWT } from "jose";

/** How long an access token is good, in seconds. */
export const accessSeconds = 600;
/** Backends' clocks may differ so much. */
const toleranceSeconds = 30;
/** A key signs for so long; then the next one does, and what it signed is still read until it ends. */
const keySeconds = 30 * 86_400;
const algorithm = "HS256";
const [issuer, audience, type] = ["agentvine", "agentvine-api", "at+jwt"] as const;

export interface AccessClaims {
  userId: string;
  sessionId: string;
}

/** Signs and reads the short tokens that a session's requests carry. Any backend of the installation reads them without asking. */
export interface AccessTokens {
  issue(claims: AccessClaims): Promise<string>;
  /** What the token says; undefined when it is not ours, not an access token, or too old. */
  verify(token: string): Promise<AccessClaims | undefined>;
}

/** @param secret the installation's secret, 32 bytes in hexadecimal; each key follows from it and its own name (`kid`) */
export function createAccessTokens({ secret, clock }: { secret: string; clock: Clock }): AccessTokens {
  const nowSeconds = () => Math.floor(clock.now().getTime() / 1_000);
  const nameAt = (seconds: number): string => `k${Math.floor(seconds / keySeconds)}`;
  const keys = new Map<string, Promise<webcrypto.CryptoKey>>();
  const keyOf = async (name: string): Promise<webcrypto.CryptoKey> => {
    const found = keys.get(name);
    if (found !== undefined) return await found;
    // Only names that are good now come here, so there are never many.
    if (keys.size > 3) keys.clear();
    const key = importKey(secret, name);
    keys.set(name, key);
    return await key;
  };
  /** The keys that may have signed what is good now. */
  const isGood = (name: string): boolean => {
    const now = nowSeconds();
    return [now + toleranceSeconds, now, now - accessSeconds - toleranceSeconds].some(
      (seconds) => nameAt(seconds) === name,
    );
  };
  const keyFor = async ({ kid = "" }: JWTHeaderParameters): Promise<webcrypto.CryptoKey> => {
    if (!isGood(kid)) throw new errors.JWKSNoMatchingKey();
    return await keyOf(kid);
  };
  return {
    async issue({ userId, sessionId }) {
      const now = nowSeconds();
      const kid = nameAt(now);
      return await new SignJWT({ sid: sessionId })
        .setProtectedHeader({ alg: algorithm, typ: type, kid })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(userId)
        .setIssuedAt(now)
        .setExpirationTime(now + accessSeconds)
        .sign(await keyOf(kid));
    },
    async verify(token) {
      try {
        const { payload } = await jwtVerify(token, keyFor, {
          ...{ issuer, audience, typ: type, algorithms: [algorithm] },
          currentDate: clock.now(),
          clockTolerance: toleranceSeconds,
          maxTokenAge: accessSeconds,
          requiredClaims: ["sub", "sid", "iat", "exp"],
        });
        const { sub, sid } = payload;
        return typeof sub === "string" && typeof sid === "string"
          ? { userId: sub, sessionId: sid }
          : undefined;
      } catch (error) {
        if (error instanceof errors.JOSEError) return undefined;
        throw error;
      }
    },
  };
}

async function importKey(secret: string, name: string): Promise<webcrypto.CryptoKey> {
  const bytes = hkdfSync("sha256", Buffer.from(secret, "hex"), "agentvine", `access token ${name}`, 32);
  return await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
    "verify",
  ]);
}
