import type { RegistrationMode, Role } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Db, Tx } from "../../database/client.ts";
import { isUniqueViolation } from "../../database/database-error.ts";
import { inTransaction } from "../../database/transaction.ts";
import { recordAudit } from "../audit/index.ts";
import type { AccountMail } from "./account-mail.service.ts";
import { assertHardToGuess, ownWordsOf } from "./guessable-password.ts";
import type { LinkService, MadeLink } from "./link.service.ts";
import { invitationText, takenText, verifyText } from "./mail-text.ts";
import type { PasswordHasher } from "./password-hasher.service.ts";
import { byUser, type SessionService, type SessionTokens } from "./session.service.ts";
import {
  claimOwner,
  deleteUnverified,
  findByIdentifier,
  findUser,
  insertUser,
  isOwnerClaimed,
  isProven,
  type NewUser,
  type UserRow,
} from "./user.repository.ts";
import { toUser } from "./user-row.repository.ts";

export interface RegistrationDeps {
  db: Db;
  mode: RegistrationMode;
  hasher: PasswordHasher;
  links: LinkService;
  sessions: SessionService;
  mail: AccountMail;
  publicUrl: () => string;
}

export interface NewAccount {
  username: string;
  email: string;
  password: string;
  fullName: string;
}

/** Who comes by an invitation need not say the address. */
type Registration = Omit<NewAccount, "email"> & { email?: string | undefined };

/** How accounts come to be. */
export interface RegistrationService {
  /**
   * The first administrator, by the link that the backend printed. What local mode made is theirs from then on.
   * @throws AppError `link.invalid`, `user.taken`
   */
  setUp(token: string, account: NewAccount): Promise<SessionTokens>;
  /**
   * `active` by an invitation; else `accepted`, said whether or not name and address are free: the address's owner learns it by mail.
   * @throws AppError `accounts.closed`, `accounts.not_set_up`, `link.invalid`, and by an invitation `user.taken`
   */
  register(account: Registration, invitation: string | undefined): Promise<"active" | "accepted">;
  /** @throws AppError `user.taken` when the address has an account */
  invite(invitation: { email: string; role: Role; createdBy: string }): Promise<MadeLink>;
}

/** What who registers by themselves may do, until an administrator gives them more. */
const roleOfOpen: Role = "viewer";

const taken = (): AppError =>
  new AppError("user.taken", "The name or the e-mail address is taken: choose another.");

/** Whoever invited may have been shown out since. @throws AppError `link.invalid` */
async function assertInviter(tx: Tx, userId: string | null): Promise<void> {
  const inviter = userId === null ? undefined : await findUser(tx, userId);
  if (inviter?.role === "admin" && inviter.isActive) return;
  throw new AppError("link.invalid", "Who invited you may do so no longer: ask for a new invitation.");
}

const told = (tx: Tx, user: UserRow, detail: object): Promise<void> =>
  recordAudit(tx, {
    ...{ action: "user.registered", targetType: "user", targetId: user.id },
    ...{ after: toUser(user), detail, ...byUser(user.id) },
  });

export function createRegistrationService(deps: RegistrationDeps): RegistrationService {
  const { db, mode, hasher, links, sessions, mail, publicUrl } = deps;

  const hashed = async ({ password, username, email = "", fullName }: Registration): Promise<string> => {
    await assertHardToGuess("password", password, ownWordsOf({ username, fullName, email }));
    return await hasher.hash(password);
  };

  const registerInvited = async (account: Registration, invitation: string): Promise<"active"> => {
    const { username, fullName } = account;
    const hashedPassword = await hashed(account);
    await inTransaction(db, async (tx) => {
      const { email, role, createdBy } = await links.take(tx, "invitation", invitation);
      if (email === null || role === null) throw new Error("an invitation names address and role");
      await assertInviter(tx, createdBy);
      // Nobody keeps a name or an address that they never showed to be theirs.
      await deleteUnverified(tx, { email, username });
      // Whoever holds the link was mailed it, or trusted with it.
      const user = await insertUser(tx, {
        username,
        fullName,
        email,
        hashedPassword,
        role,
        isVerified: true,
      });
      if (user === undefined) throw taken();
      await told(tx, user, { invitedBy: createdBy });
    });
    return "active";
  };

  /** Makes the account, unless name or address are taken: then their owner is told. */
  const registerOpen = async (account: NewUser): Promise<void> => {
    const link = await inTransaction(db, async (tx) => {
      const user = await insertUser(tx, account);
      if (user === undefined) return undefined;
      await told(tx, user, {});
      return await links.make(tx, { purpose: "verify_email", userId: user.id, email: user.email });
    });
    mail.send(
      account.email,
      link === undefined ? takenText(new URL("/login", publicUrl()).href) : verifyText(link.url),
    );
  };

  return {
    async setUp(token, account) {
      const hashedPassword = await hashed(account);
      const { username, email, fullName } = account;
      try {
        return await inTransaction(db, async (tx) => {
          await links.take(tx, "set_up", token);
          const user = await claimOwner(tx, { username, email, fullName, hashedPassword });
          // A second link, printed by another backend, is worthless once the first was used.
          if (user === undefined)
            throw new AppError("link.invalid", "There is a first administrator already.");
          await told(tx, user, { isFirst: true });
          return await sessions.begin(tx, toUser(user));
        });
      } catch (error) {
        throw isUniqueViolation(error) ? taken() : error;
      }
    },
    async register({ username, email, password, fullName }, invitation) {
      if (!(await isOwnerClaimed(db)))
        throw new AppError(
          "accounts.not_set_up",
          "There is no first administrator yet: open the set-up link.",
        );
      const account = { username, email, password, fullName };
      if (invitation !== undefined && mode !== "closed") return await registerInvited(account, invitation);
      if (mode !== "open" || email === undefined)
        throw new AppError(
          "accounts.closed",
          "Registration is closed: ask an administrator for an invitation.",
        );
      const hashedPassword = await hashed(account);
      await registerOpen({ username, email, fullName, hashedPassword, role: roleOfOpen, isVerified: false });
      return "accepted";
    },
    async invite({ email, role, createdBy }) {
      if (mode === "closed")
        throw new AppError(
          "accounts.closed",
          "Registration is closed, also for who is invited: set AGENTVINE_ACCOUNTS=invite.",
        );
      const link = await inTransaction(db, async (tx) => {
        const holder = await findByIdentifier(tx, email);
        if (holder !== undefined && isProven(holder)) throw taken();
        const made = await links.make(tx, { purpose: "invitation", email, role, createdBy });
        await recordAudit(tx, {
          ...{ action: "user.invited", targetType: "invitation", targetId: null },
          detail: { email, role },
        });
        return made;
      });
      mail.send(email, invitationText(link.url));
      return link;
    },
  };
}
