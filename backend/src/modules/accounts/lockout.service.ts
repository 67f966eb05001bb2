import { AppError } from "@agentvine/kit";
import type { Db } from "../../database/client.ts";
import type { TokenSigner } from "../auth/index.ts";
import {
  addFailure,
  forgetFailures,
  isKnownAddress,
  noteAddress,
  readFailures,
} from "./lockout.repository.ts";
import { lockedSeconds, lockoutOfAccount, lockoutOfAddress } from "./lockout.ts";

/** Makes guessing slow: by account and address, and by account alone for addresses that never had the right password. */
export interface LockoutService {
  /**
   * Whether a password may be tried now. The same for accounts that exist and that do not.
   * @throws AppError `auth.locked`
   */
  assertUnlocked(attempt: LoginAttempt): Promise<void>;
  /** Counts a wrong password. @returns whether the next one has to wait */
  noteFailure(attempt: LoginAttempt): Promise<boolean>;
  /** The right password was given: failures from there are forgotten, and the address is known from now on. */
  noteSuccess(attempt: LoginAttempt & { userId: string }): Promise<void>;
  /** Whoever has set a new password by a link need not wait for what others did. */
  forgive(identifiers: readonly string[]): Promise<void>;
}

export interface LoginAttempt {
  /** What was typed as name or e-mail address, in lower case. */
  identifier: string;
  /** The caller's, as one block where a customer has many. */
  addressBlock: string;
  userId: string | undefined;
}

/** @param signer hides what was typed: it may be a password, given in the wrong field */
export function createLockoutService({ db, signer }: { db: Db; signer: TokenSigner }): LockoutService {
  const accountKey = (identifier: string) => signer.sign(`account\n${identifier}`);
  const addressKey = ({ identifier, addressBlock }: LoginAttempt) =>
    signer.sign(`address\n${identifier}\n${addressBlock}`);
  return {
    async assertUnlocked(attempt) {
      const byAddress = addressKey(attempt);
      const rows = await readFailures(db, [byAddress, accountKey(attempt.identifier)]);
      const isKnown =
        attempt.userId !== undefined && (await isKnownAddress(db, attempt.userId, attempt.addressBlock));
      const waits = rows.map(({ key, failures, secondsAgo }) => {
        if (key === byAddress) return lockedSeconds(failures, lockoutOfAddress) - secondsAgo;
        return isKnown ? 0 : lockedSeconds(failures, lockoutOfAccount) - secondsAgo;
      });
      const seconds = Math.ceil(Math.max(0, ...waits));
      if (seconds === 0) return;
      throw new AppError(
        "auth.locked",
        `Too many wrong passwords: wait ${seconds} s, or set a new password.`,
        {
          data: { retryAfterSeconds: seconds },
        },
      );
    },
    async noteFailure(attempt) {
      const byAddress = addressKey(attempt);
      const counts = await addFailure(db, [byAddress, accountKey(attempt.identifier)]);
      return counts.some(
        ({ key, failures }) =>
          lockedSeconds(failures, key === byAddress ? lockoutOfAddress : lockoutOfAccount) > 0,
      );
    },
    async noteSuccess(attempt) {
      await forgetFailures(db, [addressKey(attempt)]);
      await noteAddress(db, attempt.userId, attempt.addressBlock);
    },
    forgive: (identifiers) => forgetFailures(db, identifiers.map(accountKey)),
  };
}
