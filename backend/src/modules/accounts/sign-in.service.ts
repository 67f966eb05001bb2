import { AppError } from "@agentvine/kit";
import type { Db } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { recordAudit } from "../audit/index.ts";
import { callersBlock, type LockoutService, type LoginAttempt } from "./lockout.service.ts";
import type { PasswordHasher } from "./password-hasher.service.ts";
import { byUser, type SessionService, type SessionTokens } from "./session.service.ts";
import { findByIdentifier, lockUser, noteLogin, type UserRow } from "./user.repository.ts";
import { toUser } from "./user-row.repository.ts";

export interface SignInDeps {
  db: Db;
  hasher: PasswordHasher;
  lockout: LockoutService;
  sessions: SessionService;
}

/** Signing in with name (or e-mail address) and password. */
export interface SignInService {
  /**
   * Begins a session. Whether the account exists is told neither by the answer nor by its time.
   * @throws AppError `auth.credentials_invalid`, `auth.locked`, and with the right password `auth.disabled`, `auth.unverified`
   */
  login(identifier: string, password: string): Promise<SessionTokens>;
  /** Whether it is the user's password. @throws AppError `auth.credentials_invalid`, `auth.locked` */
  assertPassword(user: UserRow, password: string): Promise<void>;
}

export function createSignInService({ db, hasher, lockout, sessions }: SignInDeps): SignInService {
  const attemptOf = (identifier: string, user: UserRow | undefined): LoginAttempt => ({
    identifier,
    addressBlock: callersBlock(),
    userId: user?.id,
  });

  const fail = async (attempt: LoginAttempt, isLocked: boolean): Promise<never> => {
    // What was typed is not written down: it may be a password in the wrong field.
    await recordAudit(db, {
      ...{ action: isLocked ? "user.locked" : "user.login_failed", targetType: "user" },
      targetId: attempt.userId ?? null,
    });
    throw new AppError("auth.credentials_invalid", "Name or password is wrong.");
  };

  const assertRight = async (attempt: LoginAttempt, user: UserRow | undefined, password: string) => {
    const isLocked = await lockout.take(attempt);
    const isRight = await hasher.verify(password, user?.hashedPassword);
    if (!isRight || user === undefined) return await fail(attempt, isLocked);
    await lockout.noteSuccess({ ...attempt, userId: user.id });
    return user;
  };

  return {
    async login(identifier, password) {
      const found = await findByIdentifier(db, identifier);
      const user = await assertRight(attemptOf(identifier, found), found, password);
      if (!user.isActive)
        throw new AppError("auth.disabled", "The account is disabled: ask an administrator.");
      if (!user.isVerified)
        throw new AppError(
          "auth.unverified",
          "The e-mail address is not verified yet: open the link that was mailed, or ask an administrator.",
        );
      return await inTransaction(db, async (tx) => {
        // Whoever set another password, or disabled the account, since the old one was compared has ended what this would begin.
        const now = await lockUser(tx, user.id);
        // security: no-timing-unsafe-compare because both come from our own row, and nobody chose either
        if (now?.hashedPassword !== user.hashedPassword || !now.isActive || !now.isVerified)
          throw new AppError("auth.credentials_invalid", "Name or password is wrong.");
        await noteLogin(tx, user.id);
        const tokens = await sessions.begin(tx, toUser({ ...user, lastLoginAt: new Date() }));
        await recordAudit(tx, {
          ...{ action: "user.logged_in", targetType: "user", targetId: user.id },
          ...byUser(user.id),
        });
        return tokens;
      });
    },
    async assertPassword(user, password) {
      await assertRight(attemptOf(user.username, user), user, password);
    },
  };
}
