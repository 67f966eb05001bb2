import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";

/** Signs short texts with a key of its own per purpose: a token of one purpose is worthless for another. */
export interface TokenSigner {
  sign(payload: string): string;
  /** True when `signature` was made by `sign(payload)` under the same secret and purpose. */
  verify(payload: string, signature: string): boolean;
}

/** @param secret the installation's secret, 32 bytes in hexadecimal */
export function createTokenSigner(secret: string, purpose: string): TokenSigner {
  const key = Buffer.from(hkdfSync("sha256", Buffer.from(secret, "hex"), "agentvine", purpose, 32));
  const macOf = (payload: string) => createHmac("sha256", key).update(payload).digest();
  return {
    sign: (payload) => macOf(payload).toString("base64url"),
    verify(payload, signature) {
      const expected = macOf(payload);
      const given = Buffer.from(signature, "base64url");
      return given.length === expected.length && timingSafeEqual(given, expected);
    },
  };
}
