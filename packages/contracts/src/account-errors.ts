import { entry } from "./error-entry.ts";

/** Codes of accounts, sessions and the links that lead to them. Part of the catalog. */
export const accountErrors = {
  "auth.credentials_invalid": entry(
    "unauthenticated",
    "Name or password is wrong.",
    "Try again, or ask for a link that sets a new password.",
  ),
  "auth.locked": entry(
    "limited",
    "Too many wrong passwords.",
    "Wait for `Retry-After`, sign in from where you did before, or set a new password by a link.",
    true,
  ),
  "auth.password_needed": entry(
    "forbidden",
    "This wants a password that was given a short while ago.",
    "Confirm the password and try again.",
  ),
  "auth.disabled": entry("forbidden", "The account is disabled.", "Ask an administrator."),
  "auth.unverified": entry(
    "forbidden",
    "The e-mail address is not verified yet.",
    "Open the link in the e-mail, or ask an administrator for one.",
  ),
  "auth.session_ended": entry(
    "unauthenticated",
    "The session is over.",
    "Sign in again. If you did not end it, change your password: a token of it was used twice.",
  ),
  "accounts.off": entry(
    "conflict",
    "This installation has no accounts.",
    "Start it with AGENTVINE_ACCOUNTS=closed, invite or open.",
  ),
  "accounts.not_set_up": entry(
    "conflict",
    "There is no first administrator yet.",
    "Open the set-up link that the backend printed at its start.",
  ),
  "accounts.closed": entry(
    "forbidden",
    "Registration is closed.",
    "Ask an administrator for an account or an invitation.",
  ),
  "link.invalid": entry("invalid", "The link was used already or is too old.", "Ask for a new one."),
  "user.not_found": entry("not_found", "There is no such user.", "List the users."),
  "user.taken": entry("conflict", "The name or the e-mail address is taken.", "Choose another."),
  "user.last_admin": entry(
    "conflict",
    "The last administrator can't be disabled or given another role.",
    "Make somebody else an administrator first.",
  ),
  "session.not_found": entry("not_found", "There is no such session.", "List your sessions."),
} as const;
