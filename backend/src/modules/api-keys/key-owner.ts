import { type ApiKey, isMachineKey, type Permission } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { Actor } from "../../actor.ts";

/** Whether they may see and revoke the keys of everybody. */
export const isAdmin = ({ permissions }: Actor): boolean => permissions.includes("system:admin");

/**
 * Nobody gives away more than they have.
 * @throws AppError `request.invalid`
 */
export function assertHeld(actor: Actor, given: readonly Permission[]): void {
  const lacking = given.filter(
    (permission) => permission !== "attempt:write" && !actor.permissions.includes(permission),
  );
  if (lacking.length === 0) return;
  const message = `you can give no more than you have: not ${lacking.join(", ")}`;
  throw new AppError("request.invalid", `The request is not valid: permissions: ${message}.`, {
    issues: [{ path: "permissions", message }],
  });
}

/** Whether they may see and revoke the key: it is theirs, or they are an administrator. */
export const isTheirs = (actor: Actor, key: Pick<ApiKey, "createdBy">): boolean =>
  key.createdBy === actor.userId || isAdmin(actor);

/** Whether they may have a key in its place: nobody gets one that acts in the name of another person. */
export const mayReplace = (actor: Actor, key: Pick<ApiKey, "createdBy" | "permissions">): boolean =>
  key.createdBy === actor.userId || (isAdmin(actor) && isMachineKey(key.permissions));

/** When a key that they make ends: a key makes none that outlives it. */
export function endWithin({ expiresAt }: Actor, wanted: string | undefined): string | undefined {
  if (expiresAt === undefined || expiresAt === null) return wanted;
  return wanted !== undefined && new Date(wanted) < expiresAt ? wanted : expiresAt.toISOString();
}
