import type { Me, User } from "@agentvine/contracts";
import type { UserRow } from "./user.repository.ts";

/** What others may know of a user. */
export const toUser = (row: UserRow): User => ({
  id: row.id,
  username: row.username,
  email: row.email,
  fullName: row.fullName,
  role: row.role,
  isActive: row.isActive,
  isVerified: row.isVerified,
  createdAt: row.createdAt.toISOString(),
  lastLoginAt: row.lastLoginAt?.toISOString() ?? null,
});

export const toMe = (row: UserRow, pendingEmail: string | null): Me => ({
  ...toUser(row),
  settings: row.settings,
  pendingEmail,
});
