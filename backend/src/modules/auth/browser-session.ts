import { createHash, randomBytes } from "node:crypto";
import type { Clock } from "@agentvine/kit";
import type { TokenSigner } from "./token-signer.ts";

const linkSeconds = 600;
const sessionSeconds = 7 * 86_400;
/** Links nobody opened; the oldest go first. */
const openLinksMax = 100;

/** A browser's way in, in local mode: a link that works once gives a session that is kept in a cookie. */
export interface BrowserSessions {
  createLink(): { code: string; expiresAt: Date };
  /** The new session; undefined when the link is unknown, used or too old. */
  openLink(code: string): { session: string; maxAgeSeconds: number } | undefined;
  isValid(session: string): boolean;
}

const pattern = /^(\d{1,12}\.[\w-]{22})\.([\w-]{43})$/;
const hashOf = (code: string): string => createHash("sha256").update(code).digest("hex");

export function createBrowserSessions(signer: TokenSigner, clock: Clock): BrowserSessions {
  // In memory: a restart makes open links useless, which is the safe side.
  const links = new Map<string, Date>();
  const nowSeconds = () => Math.floor(clock.now().getTime() / 1000);
  return {
    createLink() {
      const code = randomBytes(24).toString("base64url");
      const expiresAt = new Date(clock.now().getTime() + linkSeconds * 1000);
      links.set(hashOf(code), expiresAt);
      for (const oldest of [...links.keys()].slice(0, Math.max(0, links.size - openLinksMax))) {
        links.delete(oldest);
      }
      return { code, expiresAt };
    },
    openLink(code) {
      const hash = hashOf(code);
      const expiresAt = links.get(hash);
      links.delete(hash);
      if (expiresAt === undefined || expiresAt <= clock.now()) {
        return undefined;
      }
      const payload = `${nowSeconds() + sessionSeconds}.${randomBytes(16).toString("base64url")}`;
      return { session: `${payload}.${signer.sign(payload)}`, maxAgeSeconds: sessionSeconds };
    },
    isValid(session) {
      const [, payload, signature] = pattern.exec(session) ?? [];
      return (
        payload !== undefined &&
        signature !== undefined &&
        signer.verify(payload, signature) &&
        Number.parseInt(payload, 10) > nowSeconds()
      );
    },
  };
}
