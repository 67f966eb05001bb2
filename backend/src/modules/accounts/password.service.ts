import { AppError, coerceError, type Logger } from "@agentvine/kit";
import type { Db, Tx } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { recordAudit } from "../audit/index.ts";
import type { AccountMail } from "./account-mail.service.ts";
import { assertHardToGuess, ownWordsOf } from "./guessable-password.ts";
import { type LinkService, linkInvalid } from "./link.service.ts";
import { callersBlock, type LockoutService } from "./lockout.service.ts";
import { changedPasswordText, resetText } from "./mail-text.ts";
import type { PasswordHasher } from "./password-hasher.service.ts";
import { endSessions, noteAuthenticated } from "./session.repository.ts";
import { byUser, type SessionService } from "./session.service.ts";
import type { SignInService } from "./sign-in.service.ts";
import { findByIdentifier, findUser, lockUser, type UserRow, updateUser } from "./user.repository.ts";

export interface PasswordDeps {
  db: Db;
  logger: Logger;
  hasher: PasswordHasher;
  links: LinkService;
  lockout: LockoutService;
  mail: AccountMail;
  sessions: Pick<SessionService, "forgetKnown">;
  signIn: SignInService;
}

/** Passwords of people who have an account. */
export interface PasswordService {
  /** Notes that the session's person is there. @throws AppError `auth.credentials_invalid`, `auth.locked` */
  confirm(userId: string, sessionId: string, password: string): Promise<void>;
  /** Ends all sessions but that one. @throws AppError `auth.credentials_invalid`, `auth.locked`, `request.invalid` */
  change(
    who: { userId: string; sessionId: string | undefined },
    passwords: { currentPassword: string; newPassword: string },
  ): Promise<void>;
  /** Mails a link in the background, if there is such an account. Comes back at once, whoever asks. */
  forgot(email: string): void;
  /** Ends all sessions of the account. @throws AppError `link.invalid`, `request.invalid` */
  reset(token: string, newPassword: string): Promise<void>;
  /** Waits until no mail of `forgot` is being prepared. */
  idle(): Promise<void>;
}

export function createPasswordService(deps: PasswordDeps): PasswordService {
  const { db, logger, hasher, links, lockout, mail, sessions, signIn } = deps;
  const preparing = new Set<Promise<void>>();

  const mustFind = async (userId: string): Promise<UserRow> => {
    const user = await findUser(db, userId);
    if (user === undefined) throw new AppError("user.not_found", "There is no such user.");
    return user;
  };

  const set = async (
    tx: Tx,
    user: UserRow,
    hashedPassword: string,
    how: { action: "password.changed" | "password.reset"; except?: string | undefined },
  ): Promise<void> => {
    await updateUser(tx, user.id, { hashedPassword });
    await endSessions(tx, user.id, { except: how.except, reason: how.action });
    await recordAudit(tx, {
      ...{ action: how.action, targetType: "user", targetId: user.id },
      ...byUser(user.id),
    });
  };

  const mailResetLink = async (email: string): Promise<void> => {
    const link = await inTransaction(db, async (tx) => {
      const user = await findByIdentifier(tx, email);
      if (user?.isActive !== true || user.hashedPassword === null) return undefined;
      await recordAudit(tx, {
        ...{ action: "password.reset_requested", targetType: "user", targetId: user.id },
      });
      return await links.make(tx, { purpose: "reset_password", userId: user.id, email: user.email });
    });
    if (link !== undefined) mail.send(email, resetText(link.url));
  };

  return {
    async confirm(userId, sessionId, password) {
      await signIn.assertPassword(await mustFind(userId), password);
      await noteAuthenticated(db, sessionId);
      sessions.forgetKnown();
    },
    async change({ userId, sessionId }, { currentPassword, newPassword }) {
      const user = await mustFind(userId);
      await signIn.assertPassword(user, currentPassword);
      await assertHardToGuess("newPassword", newPassword, ownWordsOf(user));
      const hashedPassword = await hasher.hash(newPassword);
      await inTransaction(db, (tx) =>
        set(tx, user, hashedPassword, { action: "password.changed", except: sessionId }),
      );
      if (sessionId !== undefined) await noteAuthenticated(db, sessionId);
      sessions.forgetKnown();
      mail.send(user.email, changedPasswordText);
    },
    forgot(email) {
      // Without mail an administrator hands links over.
      if (!mail.isOn) return;
      const work = mailResetLink(email)
        .catch((error: unknown) => logger.warn({ err: coerceError(error) }, "could not make a reset link"))
        .finally(() => preparing.delete(work));
      preparing.add(work);
    },
    async reset(token, newPassword) {
      // Hashed first, whatever the link is worth: the time tells nothing of it.
      const hashedPassword = await hasher.hash(newPassword);
      const user = await inTransaction(db, async (tx) => {
        const link = await links.take(tx, "reset_password", token);
        const found = await lockUser(tx, link.userId ?? "");
        // It was sent to an address that is not the account's any more.
        if (found === undefined || !found.isActive || found.email !== link.email) throw linkInvalid();
        await assertHardToGuess("newPassword", newPassword, ownWordsOf(found));
        // Who has the link reads the address's mail.
        if (!found.isVerified) await updateUser(tx, found.id, { isVerified: true });
        await set(tx, found, hashedPassword, { action: "password.reset" });
        return found;
      });
      await lockout.forgive([user.username, user.email], callersBlock());
      sessions.forgetKnown();
      mail.send(user.email, changedPasswordText);
    },
    async idle() {
      await Promise.all(preparing);
    },
  };
}
