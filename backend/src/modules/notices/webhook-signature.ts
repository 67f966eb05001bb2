import { createHmac } from "node:crypto";

/** Header that carries the signature of a webhook. */
export const signatureHeader = "x-agentvine-signature";

/**
 * Signs a webhook: HMAC-SHA256 over `<seconds>.<body>`, in hexadecimal. The receiver computes the same and refuses what is older
 * than a few minutes, so that a recorded call can't be played again.
 * @param seconds Unix time
 */
export function signWebhook(secret: string, body: string, seconds: number): string {
  const mac = createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex");
  return `t=${seconds},v1=${mac}`;
}
