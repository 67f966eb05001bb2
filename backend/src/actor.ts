import { type Permission, permissions } from "@agentvine/contracts";

/** Who makes a request. */
export interface Actor {
  kind: "user" | "worker_key" | "attempt";
  /** Of the user, of the API key (of the first of its line, so that what it registered stays its own), or of the attempt's work order. */
  id: string;
  /** The person in whose name it happens: the user, who made the key, or in local mode the local user. */
  userId: string;
  permissions: readonly Permission[];
  /** Set for `attempt`: the only attempt this token may write for. */
  attempt?: { workOrderId: string; attempt: number };
}

/** Who an open route is answered for. */
export const anonymous: Actor = { kind: "user", id: "anonymous", userId: "anonymous", permissions: [] };

/** Everything a person may do. Writing for an attempt takes that attempt's own token. */
export const userPermissions: readonly Permission[] = permissions.filter(
  (permission) => permission !== "attempt:write",
);

/** What the token of a running attempt may do: write its own results, read what its task left behind. */
export const attemptPermissions: readonly Permission[] = ["attempt:write", "executions:read"];
