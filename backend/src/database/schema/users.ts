import { type Role, roles } from "@agentvine/contracts";
import { boolean, index, pgTable, text, uniqueIndex } from "drizzle-orm/pg-core";
import {
  createdAtColumn,
  idColumn,
  isOneOf,
  momentColumn,
  objectColumn,
  updatedAtColumn,
} from "./columns.ts";

/** People. In local mode there is one row, `local`. */
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
    isActive: boolean("is_active").notNull().default(true),
    isVerified: boolean("is_verified").notNull().default(false),
    settings: objectColumn("settings"),
    createdAt: createdAtColumn(),
    updatedAt: updatedAtColumn(),
    lastLoginAt: momentColumn("last_login_at"),
  },
  (table) => [
    uniqueIndex("users_username_key").on(table.username),
    uniqueIndex("users_email_key").on(table.email),
    index("users_role_idx").on(table.role),
    isOneOf("users_role_check", table.role, roles),
  ],
);
