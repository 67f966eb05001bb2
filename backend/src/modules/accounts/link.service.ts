import type { AccountLink, Role } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Db, Tx } from "../../database/client.ts";
import { deleteUnusedLinks, insertLink, type LinkRow, takeLink } from "./link.repository.ts";
import { hashToken, makeLinkToken } from "./one-time-token.ts";

/** What a link is for, and for whom. */
export type LinkSubject =
  | { purpose: "set_up" }
  | { purpose: "invitation"; email: string; role: Role; createdBy: string }
  | { purpose: "reset_password"; userId: string; email: string; createdBy?: string }
  | { purpose: "verify_email"; userId: string; email: string; createdBy?: string };
type Purpose = LinkSubject["purpose"];

/** A link that works once. Nothing but its hash is kept. */
export type MadeLink = Omit<AccountLink, "isMailed">;

export interface LinkService {
  /** Makes a link; an older one for the same is worthless from then on. */
  make(tx: Tx, subject: LinkSubject): Promise<MadeLink>;
  /** Uses a link up, in the caller's transaction. @throws AppError `link.invalid` */
  take(tx: Tx, purpose: Purpose, token: string): Promise<LinkRow>;
}

export const linkInvalid = (): AppError =>
  new AppError("link.invalid", "The link was used already or is too old: ask for a new one.");

const minutesOf: Record<Purpose, number> = {
  set_up: 24 * 60,
  invitation: 7 * 24 * 60,
  reset_password: 30,
  verify_email: 30,
};
const pathOf: Record<Purpose, string> = {
  set_up: "/set-up",
  invitation: "/register",
  reset_password: "/reset-password",
  verify_email: "/verify-email",
};

/** @param publicUrl the configured address: the Host of a request is whatever its sender likes */
export function createLinkService(publicUrl: () => string): LinkService {
  return {
    async make(tx, subject) {
      const { purpose } = subject;
      // Backends that start together print a set-up link each: all of them end with the first that is used.
      if (purpose === "invitation") await deleteUnusedLinks(tx, purpose, { email: subject.email });
      else if (purpose !== "set_up") await deleteUnusedLinks(tx, purpose, { userId: subject.userId });
      const token = makeLinkToken();
      const minutes = minutesOf[purpose];
      const expiresAt = await insertLink(tx, { ...subject, tokenHash: hashToken(token), minutes });
      // Behind `#` it is in no server's log and in no Referer.
      const url = new URL(`${pathOf[purpose]}#token=${token}`, publicUrl());
      return { url: url.href, expiresAt: expiresAt.toISOString() };
    },
    async take(tx, purpose, token) {
      const link = await takeLink(tx, purpose, hashToken(token));
      if (link === undefined) throw linkInvalid();
      return link;
    },
  };
}

/** A set-up link for the first administrator. */
export const makeSetUpLink = (db: Db, links: LinkService): Promise<MadeLink> =>
  db.transaction((tx) => links.make(tx, { purpose: "set_up" }));
