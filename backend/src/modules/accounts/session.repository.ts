import type { Role } from "@agentvine/contracts";
import { and, desc, eq, gt, isNull, ne, type SQL, sql } from "drizzle-orm";
import type { Db, Tx } from "../../database/client.ts";
import { notify } from "../../database/commit-wakes.ts";
import { runPrepared, type Statement } from "../../database/prepared.ts";
import { refreshTokens, sessions } from "../../database/schema/index.ts";
import { graceSeconds, refreshDays, sessionDays } from "./session-lifetime.ts";

export type SessionRow = typeof sessions.$inferSelect;

const inDays = (days: number) => sql`now() + ${days} * interval '1 day'`;

/** Channel on which backends tell each other that sessions or users changed. */
export const sessionChannel = "agentvine_session";

/** Lets every backend look sessions and users up anew. */
export function announceSessionChange(db: Db | Tx): void {
  notify(db, sessionChannel);
}

export async function insertSession(
  tx: Tx,
  session: { userId: string; userAgent: string; address: string },
): Promise<SessionRow> {
  const [row] = await tx
    .insert(sessions)
    .values({ ...session, expiresAt: inDays(sessionDays) as unknown as Date })
    .returning();
  if (row === undefined) throw new Error("the insert returned no row");
  return row;
}

export async function insertRefreshToken(tx: Tx, sessionId: string, tokenHash: string): Promise<void> {
  await tx
    .insert(refreshTokens)
    .values({ sessionId, tokenHash, expiresAt: inDays(refreshDays) as unknown as Date });
}

/** What a request needs to know of its session. */
export interface LiveSession {
  id: string;
  userId: string;
  role: Role;
  authenticatedAt: Date;
}

const findLive: Statement = {
  name: "find-live-session",
  text: `select s.id, s.user_id as "userId", u.role, s.authenticated_at as "authenticatedAt"
    from sessions s join users u on u.id = s.user_id
    where s.id = $1 and s.ended_at is null and s.expires_at > now() and u.is_active`,
};

/** The session while it and its user are live. */
export async function findLiveSession(db: Db, id: string): Promise<LiveSession | undefined> {
  const [row] = await runPrepared<LiveSession>(db, findLive, [id]);
  return row;
}

export interface FoundRefreshToken {
  id: string;
  sessionId: string;
  userId: string;
  /** Session and user are live, and the token is not too old. */
  isLive: boolean;
  isUsed: boolean;
  /** It was used so short a while ago that it may be used again. */
  isInGrace: boolean;
  successorSalt: Buffer | null;
}

/** The token and its session, locked: refreshes of one session follow each other. */
export async function lockRefreshToken(tx: Tx, tokenHash: string): Promise<FoundRefreshToken | undefined> {
  const { rows } = await tx.execute<Record<keyof FoundRefreshToken, unknown>>(sql`
    select r.id, s.id as "sessionId", s.user_id as "userId", r.used_at is not null as "isUsed",
      (s.ended_at is null and s.expires_at > now() and u.is_active and r.expires_at > now()) as "isLive",
      coalesce(r.used_at > clock_timestamp() - ${graceSeconds} * interval '1 second', false) as "isInGrace",
      r.successor_salt as "successorSalt"
    from refresh_tokens r join sessions s on s.id = r.session_id join users u on u.id = s.user_id
    where r.token_hash = ${tokenHash} for update of s, r`);
  return rows[0] as FoundRefreshToken | undefined;
}

/** The salt of a successor, while that one has been used itself; undefined for one that is still to be used. */
export async function findSuccessorSalt(tx: Tx, tokenHash: string): Promise<Buffer | undefined> {
  const [row] = await tx
    .select({ salt: refreshTokens.successorSalt })
    .from(refreshTokens)
    .where(eq(refreshTokens.tokenHash, tokenHash));
  return row?.salt ?? undefined;
}

export async function markUsed(tx: Tx, id: string, successorSalt: Buffer): Promise<void> {
  await tx
    .update(refreshTokens)
    .set({ usedAt: sql`clock_timestamp()`, successorSalt })
    .where(eq(refreshTokens.id, id));
}

export async function touchSession(
  tx: Tx,
  id: string,
  { userAgent, address }: { userAgent: string; address: string },
): Promise<void> {
  await tx.update(sessions).set({ lastUsedAt: sql`now()`, userAgent, address }).where(eq(sessions.id, id));
}

/** Notes that the password was given just now. */
export async function noteAuthenticated(db: Db | Tx, id: string): Promise<void> {
  await db.update(sessions).set({ authenticatedAt: sql`now()` }).where(eq(sessions.id, id));
  announceSessionChange(db);
}

const isLive: SQL | undefined = and(isNull(sessions.endedAt), gt(sessions.expiresAt, sql`now()`));

/** Ends sessions of a user: one, all, or all but one. @returns the ids of those that were live */
export async function endSessions(
  tx: Db | Tx,
  userId: string,
  which: { id?: string; except?: string | undefined; reason: string },
): Promise<string[]> {
  const rows = await tx
    .update(sessions)
    .set({ endedAt: sql`now()`, endReason: which.reason })
    .where(
      and(
        eq(sessions.userId, userId),
        isLive,
        ...(which.id === undefined ? [] : [eq(sessions.id, which.id)]),
        ...(which.except === undefined ? [] : [ne(sessions.id, which.except)]),
      ),
    )
    .returning({ id: sessions.id });
  if (rows.length > 0) announceSessionChange(tx);
  return rows.map(({ id }) => id);
}

/** The user's live sessions, the latest used first; a hundred at most. */
export const listLiveSessions = (db: Db, userId: string): Promise<SessionRow[]> =>
  db
    .select()
    .from(sessions)
    .where(and(eq(sessions.userId, userId), isLive))
    .orderBy(desc(sessions.lastUsedAt), desc(sessions.id))
    .limit(100);

/** Deletes sessions, with their tokens, that ended or expired so long ago. @returns how many */
export async function deleteOldSessions(db: Db, days: number): Promise<number> {
  const { rowCount } = await db.execute(sql`
    delete from sessions where id in (select id from sessions
      where least(ended_at, expires_at) < now() - ${days} * interval '1 day' limit 5000)`);
  return rowCount ?? 0;
}
