import { AppError } from "@agentvine/kit";
import type { Actor } from "./actor.ts";

/** How long ago a password may have been given, for what wants a recent one. */
const recentMs = 15 * 60_000;

/**
 * Whoever finds a browser open must not make keys. Keys and the local token have no password.
 * @throws AppError `auth.password_needed`
 */
export function assertRecentPassword({ session }: Actor, now: Date): void {
  if (session === undefined || now.getTime() - session.authenticatedAt.getTime() <= recentMs) return;
  throw new AppError(
    "auth.password_needed",
    "Give your password again first: POST /api/v1/auth/confirm-password.",
  );
}

/**
 * What leads to an account, its own or another, is for people who have just shown that they are who they say: a key lies on disks for
 * months. Who operates the machine has the local token.
 * @throws AppError `auth.password_needed`, `auth.forbidden`
 */
export function assertPerson(actor: Actor, now: Date): void {
  if (actor.kind !== "user")
    throw new AppError("auth.forbidden", "A key can't do this: sign in with name and password.");
  assertRecentPassword(actor, now);
}
