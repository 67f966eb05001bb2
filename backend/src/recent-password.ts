import { AppError } from "@agentvine/kit";
import type { Actor } from "./actor.ts";

/** How long ago a password may have been given, for what wants a recent one. */
const recentMs = 15 * 60_000;

/**
 * Whoever finds a browser open must not make keys or move the account to another address. Keys and the local token have no password.
 * @throws AppError `auth.password_needed`
 */
export function assertRecentPassword({ session }: Actor, now: Date): void {
  if (session === undefined || now.getTime() - session.authenticatedAt.getTime() <= recentMs) return;
  throw new AppError(
    "auth.password_needed",
    "Give your password again first: POST /api/v1/auth/confirm-password.",
  );
}
