import { type Permission, rolePermissions } from "@agentvine/contracts";

/** Who makes a request. */
export interface Actor {
  kind: "user" | "worker_key" | "attempt";
  /** Of the user, of the API key (of the first of its line, so that what it registered stays its own), or of the attempt's work order. */
  id: string;
  /** The person in whose name it happens: the user, who made the key, or in local mode the local user. */
  userId: string;
  permissions: readonly Permission[];
  /** Of a key: when it ends; null for never. */
  expiresAt?: Date | null;
  /** Set for who signed in: the session, and when its password was given last. */
  session?: { id: string; authenticatedAt: Date };
  /** Set for `attempt`: the only attempt this token may write for. */
  attempt?: { workOrderId: string; attempt: number };
}

/** Who an open route is answered for. */
export const anonymous: Actor = { kind: "user", id: "anonymous", userId: "anonymous", permissions: [] };

/** What the only user of local mode may do: everything a person may. */
export const userPermissions: readonly Permission[] = rolePermissions.admin;

/**
 * What the token file still opens once there are accounts: whoever operates the machine sees that it runs, and lets an administrator in
 * who has lost the password. Everything else takes an account.
 */
export const operatorPermissions: readonly Permission[] = ["users:admin", "system:read", "workers:read"];

/** What the token of a running attempt may do: write its own results, read what its task left behind. */
export const attemptPermissions: readonly Permission[] = ["attempt:write", "executions:read"];
