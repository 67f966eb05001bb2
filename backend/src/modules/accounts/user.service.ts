import type { Me, Role, User, UserSettings } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Page } from "../../database/bounded-count.ts";
import type { Db, Tx } from "../../database/client.ts";
import { isUniqueViolation } from "../../database/database-error.ts";
import { inTransaction } from "../../database/transaction.ts";
import { changeOf, recordAudit } from "../audit/index.ts";
import type { AccountMail } from "./account-mail.service.ts";
import { findPendingEmail } from "./link.repository.ts";
import { type LinkService, linkInvalid, type MadeLink } from "./link.service.ts";
import { changedEmailText, resetText, verifyText } from "./mail-text.ts";
import { announceSessionChange, endSessions } from "./session.repository.ts";
import { byUser } from "./session.service.ts";
import {
  countOtherAdmins,
  findUser,
  listUsers,
  lockUser,
  type UserRow,
  updateUser,
} from "./user.repository.ts";
import { toMe, toUser } from "./user-row.repository.ts";

export interface MePatch {
  fullName?: string | undefined;
  email?: string | undefined;
  settings?: UserSettings | undefined;
}

export interface UserPatch {
  role?: Role | undefined;
  isActive?: boolean | undefined;
  isVerified?: true | undefined;
}

/** Accounts, for their owners and for administrators. */
export interface UserService {
  me(userId: string): Promise<Me>;
  /** A new e-mail address takes effect once its link was opened; the old one is told then. */
  patchMe(userId: string, patch: MePatch): Promise<Me>;
  /** @throws AppError `link.invalid`, `user.taken` */
  verifyEmail(token: string): Promise<void>;
  list(query: { text?: string | undefined; page: number; pageSize: number }): Promise<Page<User>>;
  /** @throws AppError `user.not_found` */
  get(userId: string): Promise<User>;
  /** @throws AppError `user.not_found`, `user.last_admin` */
  patch(userId: string, patch: UserPatch): Promise<User>;
  /** @throws AppError `user.not_found` */
  createLink(
    userId: string,
    purpose: "reset_password" | "verify_email",
    createdBy: string,
  ): Promise<MadeLink>;
}

const noUser = (): AppError => new AppError("user.not_found", "There is no such user.");
const found = (user: UserRow | undefined): UserRow => {
  if (user === undefined) throw noUser();
  return user;
};

export function createUserService(deps: { db: Db; links: LinkService; mail: AccountMail }): UserService {
  const { db, links, mail } = deps;

  const meOf = async (user: UserRow): Promise<Me> =>
    toMe(user, await findPendingEmail(db, user.id, user.email));

  /** Makes the link for a new address. Nobody learns that an address has an account: its link fails when it is opened. */
  const askForEmail = async (tx: Tx, user: UserRow, email: string): Promise<MadeLink> => {
    await recordAudit(tx, {
      ...{ action: "email.change_requested", targetType: "user", targetId: user.id },
      detail: { email },
    });
    return await links.make(tx, { purpose: "verify_email", userId: user.id, email });
  };

  return {
    async me(userId) {
      return await meOf(found(await findUser(db, userId)));
    },
    async patchMe(userId, { fullName, email, settings }) {
      const { user, link } = await inTransaction(db, async (tx) => {
        const old = found(await lockUser(tx, userId));
        const changed = found(
          await updateUser(tx, userId, {
            ...(fullName === undefined ? {} : { fullName }),
            ...(settings === undefined ? {} : { settings: { ...old.settings, ...settings } }),
          }),
        );
        if (fullName !== undefined && fullName !== old.fullName) await auditPatch(tx, old, changed);
        const isNew = email !== undefined && email !== old.email;
        return { user: changed, link: isNew ? await askForEmail(tx, old, email) : undefined };
      });
      if (link !== undefined && email !== undefined) mail.send(email, verifyText(link.url));
      return await meOf(user);
    },
    async verifyEmail(token) {
      const { old, email } = await inTransaction(db, async (tx) => {
        const link = await links.take(tx, "verify_email", token);
        const user = await lockUser(tx, link.userId ?? "");
        if (user === undefined || link.email === null) throw linkInvalid();
        await updateUser(tx, user.id, { email: link.email, isVerified: true });
        await recordAudit(tx, {
          ...{ action: user.email === link.email ? "email.verified" : "email.changed" },
          ...{ targetType: "user", targetId: user.id, ...byUser(user.id) },
          ...changeOf({ email: user.email }, { email: link.email }),
        });
        return { old: user, email: link.email };
      }).catch((error: unknown) => {
        if (!isUniqueViolation(error)) throw error;
        throw new AppError("user.taken", "Another account has this e-mail address meanwhile.");
      });
      if (old.email !== email) mail.send(old.email, changedEmailText(email));
    },
    async list(query) {
      const { items, ...total } = await listUsers(db, query);
      return { items: items.map(toUser), ...total };
    },
    async get(userId) {
      return toUser(found(await findUser(db, userId)));
    },
    patch: (userId, patch) =>
      inTransaction(db, async (tx) => {
        const old = found(await lockUser(tx, userId));
        await assertAdminLeft(tx, old, patch);
        const { role = old.role, isActive = old.isActive, isVerified = old.isVerified } = patch;
        const changed = found(await updateUser(tx, userId, { role, isActive, isVerified }));
        if (!isActive) await endSessions(tx, userId, { reason: "disabled" });
        announceSessionChange(tx);
        await auditPatch(tx, old, changed);
        return toUser(changed);
      }),
    async createLink(userId, purpose, createdBy) {
      const { link, email } = await inTransaction(db, async (tx) => {
        const user = found(await lockUser(tx, userId));
        const pending = (await findPendingEmail(tx, userId, user.email)) ?? user.email;
        const address = purpose === "verify_email" ? pending : user.email;
        const action =
          purpose === "verify_email" ? "email.verification_requested" : "password.reset_link_issued";
        await recordAudit(tx, { action, targetType: "user", targetId: userId });
        const made = await links.make(tx, { purpose, userId, email: address, createdBy });
        return { link: made, email: address };
      });
      mail.send(email, purpose === "verify_email" ? verifyText(link.url) : resetText(link.url));
      return link;
    },
  };
}

/** @throws AppError `user.last_admin` */
async function assertAdminLeft(tx: Tx, user: UserRow, { role, isActive }: UserPatch): Promise<void> {
  const stays = (role ?? user.role) === "admin" && (isActive ?? user.isActive);
  if (user.role !== "admin" || !user.isActive || stays) return;
  if ((await countOtherAdmins(tx, user.id)) === 0)
    throw new AppError("user.last_admin", "This is the last administrator: make somebody else one first.");
}

/** Tells the audit log what an administrator, or the person, has changed. */
async function auditPatch(tx: Tx, old: UserRow, changed: UserRow): Promise<void> {
  const action =
    old.isActive !== changed.isActive
      ? changed.isActive
        ? "user.enabled"
        : "user.disabled"
      : old.role === changed.role
        ? "user.updated"
        : "user.role_changed";
  await recordAudit(tx, {
    ...{ action, targetType: "user", targetId: old.id },
    ...changeOf(toUser(old), toUser(changed)),
  });
}
