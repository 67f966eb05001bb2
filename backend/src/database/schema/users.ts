import { type Role, roles, type UserSettings } from "@agentvine/contracts";
import { sql } from "drizzle-orm";
import { boolean, index, pgTable, text, uniqueIndex } from "drizzle-orm/pg-core";
import {
  createdAtColumn,
  idColumn,
  isOneOf,
  momentColumn,
  objectColumn,
  updatedAtColumn,
} from "./columns.ts";

/** People. In local mode there is one, the owner. */
export const users = pgTable(
  "users",
  {
    id: idColumn(),
    username: text("username").notNull(),
    email: text("email").notNull(),
    /** Null: the user can't sign in with a password. */
    hashedPassword: text("hashed_password"),
    fullName: text("full_name").notNull().default(""),
    role: text("role").$type<Role>().notNull(),
    /** The first of them: in local mode the only user, later the first administrator, whose all of that is. */
    isOwner: boolean("is_owner").notNull().default(false),
    isActive: boolean("is_active").notNull().default(true),
    isVerified: boolean("is_verified").notNull().default(false),
    settings: objectColumn<UserSettings>("settings"),
    createdAt: createdAtColumn(),
    updatedAt: updatedAtColumn(),
    lastLoginAt: momentColumn("last_login_at"),
  },
  (table) => [
    uniqueIndex("users_username_key").on(table.username),
    uniqueIndex("users_email_key").on(table.email),
    uniqueIndex("users_is_owner_key").on(table.isOwner).where(sql`${table.isOwner}`),
    index("users_role_idx").on(table.role),
    isOneOf("users_role_check", table.role, roles),
  ],
);
