import type { Role } from "@agentvine/contracts";

/** The session of an access token while it and its user are live; undefined otherwise. */
export type FindSession = (
  accessToken: string,
) => Promise<{ id: string; userId: string; role: Role; authenticatedAt: Date } | undefined>;
