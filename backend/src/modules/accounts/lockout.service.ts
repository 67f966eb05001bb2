import { AppError } from "@agentvine/kit";
import { addressBlockOf } from "../../address-block.ts";
import type { Db } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { currentOrigin } from "../../origin.ts";
import type { TokenSigner } from "../auth/index.ts";
import {
  addFailure,
  forgetFailures,
  isKnownAddress,
  lockFailures,
  noteAddress,
  takeBackFailure,
} from "./lockout.repository.ts";
import { lockedSeconds, lockoutOfAccount, lockoutOfAddress } from "./lockout.ts";

/** Makes guessing slow: by account and address, and by account alone for addresses that never had the right password. */
export interface LockoutService {
  /**
   * Takes leave to try a password now, and counts it as a wrong one until it proves right: many tries at once get no more than the
   * same number one after the other. The same for accounts that exist and that do not.
   * @returns whether the next one has to wait
   * @throws AppError `auth.locked`
   */
  take(attempt: LoginAttempt): Promise<boolean>;
  /** The right password was given: it counts for nothing, failures from there are forgotten, and the address is known from now on. */
  noteSuccess(attempt: LoginAttempt & { userId: string }): Promise<void>;
  /** Whoever has set a new password by a link need not wait for what others did. */
  forgive(identifiers: readonly string[], addressBlock: string): Promise<void>;
}

export interface LoginAttempt {
  /** What was typed as name or e-mail address, in lower case. */
  identifier: string;
  /** The caller's, as one block where a customer has many. */
  addressBlock: string;
  userId: string | undefined;
}

/** The block of addresses that the request which is answered comes from. */
export const callersBlock = (): string => addressBlockOf(currentOrigin()?.address ?? "");

/** @param signer hides what was typed: it may be a password, given in the wrong field */
export function createLockoutService({ db, signer }: { db: Db; signer: TokenSigner }): LockoutService {
  const accountKey = (identifier: string) => signer.sign(`account\n${identifier}`);
  const addressKey = ({ identifier, addressBlock }: Omit<LoginAttempt, "userId">) =>
    signer.sign(`address\n${identifier}\n${addressBlock}`);
  return {
    async take(attempt) {
      const byAddress = addressKey(attempt);
      const isKnown =
        attempt.userId !== undefined && (await isKnownAddress(db, attempt.userId, attempt.addressBlock));
      const taken = await inTransaction(db, async (tx) => {
        const rows = await lockFailures(tx, [byAddress, accountKey(attempt.identifier)]);
        const lockoutOf = (key: string) => (key === byAddress ? lockoutOfAddress : lockoutOfAccount);
        const waits = rows
          .filter(({ key }) => key === byAddress || !isKnown)
          .map(({ key, failures, secondsAgo }) => lockedSeconds(failures, lockoutOf(key)) - secondsAgo);
        const seconds = Math.ceil(Math.max(0, ...waits));
        if (seconds > 0) return { seconds, isLocked: true };
        await addFailure(
          tx,
          rows.map(({ key }) => key),
        );
        const isLocked = rows.some(({ key, failures }) => lockedSeconds(failures + 1, lockoutOf(key)) > 0);
        return { seconds, isLocked };
      });
      if (taken.seconds === 0) return taken.isLocked;
      throw new AppError(
        "auth.locked",
        `Too many wrong passwords: wait ${taken.seconds} s, or set a new password.`,
        { data: { retryAfterSeconds: taken.seconds } },
      );
    },
    async noteSuccess(attempt) {
      await forgetFailures(db, [addressKey(attempt)]);
      await takeBackFailure(db, accountKey(attempt.identifier));
      await noteAddress(db, attempt.userId, attempt.addressBlock);
    },
    forgive: (identifiers, addressBlock) =>
      forgetFailures(
        db,
        identifiers.flatMap((identifier) => [
          accountKey(identifier),
          addressKey({ identifier, addressBlock }),
        ]),
      ),
  };
}
