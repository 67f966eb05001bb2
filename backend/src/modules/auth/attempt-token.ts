import type { TokenSigner } from "./token-signer.ts";

const marker = "avt_";
const pattern = /^avt_([0-9a-f-]{36})\.([1-9]\d{0,8})\.([\w-]{43})$/;

/** An attempt that a token speaks for. Whether it still holds its lease is the queue's question. */
export interface AttemptClaims {
  workOrderId: string;
  attempt: number;
}

export const isAttemptToken = (text: string): boolean => text.startsWith(marker);

/** The token of one attempt at one work order. Needs no row: any backend of the installation can check it. */
export const issueAttemptToken = (signer: TokenSigner, { workOrderId, attempt }: AttemptClaims): string =>
  `${marker}${workOrderId}.${attempt}.${signer.sign(`${workOrderId}.${attempt}`)}`;

/** What the token speaks for; undefined when it was not made by this installation. */
export function verifyAttemptToken(signer: TokenSigner, token: string): AttemptClaims | undefined {
  const [, workOrderId, attempt, signature] = pattern.exec(token) ?? [];
  if (workOrderId === undefined || attempt === undefined || signature === undefined) {
    return undefined;
  }
  return signer.verify(`${workOrderId}.${attempt}`, signature)
    ? { workOrderId, attempt: Number(attempt) }
    : undefined;
}
