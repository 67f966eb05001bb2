import type { Session, SignedIn, User } from "@agentvine/contracts";
import { AppError, type Clock } from "@agentvine/kit";
import type { Db, Tx } from "../../database/client.ts";
import type { Notifications } from "../../database/notifications.ts";
import { inTransaction } from "../../database/transaction.ts";
import { currentOrigin } from "../../origin.ts";
import { createRecent } from "../../recent.ts";
import { storableText } from "../../storable-json.ts";
import { type AuditRecord, recordAudit } from "../audit/index.ts";
import { type AccessTokens, accessSeconds } from "./access-token.service.ts";
import { hashToken, makeRefreshToken, makeSuccessorSalt, successorOf } from "./one-time-token.ts";
import {
  endSessions,
  type FoundRefreshToken,
  findLiveSession,
  findSuccessorSalt,
  insertRefreshToken,
  insertSession,
  type LiveSession,
  listLiveSessions,
  lockRefreshToken,
  markUsed,
  type SessionRow,
  sessionChannel,
  touchSession,
} from "./session.repository.ts";
import { findUser } from "./user.repository.ts";
import { toUser } from "./user-row.repository.ts";

/** What a session's client gets; the refresh token always, wherever it is put then. */
export type SessionTokens = SignedIn & { refreshToken: string };

export interface SessionService {
  /** Begins a session, in the caller's transaction. */
  begin(tx: Tx, user: User): Promise<SessionTokens>;
  /**
   * A new access token, and the refresh token that takes the given one's place. One that was used before, longer than ten seconds ago,
   * is in two hands: its session ends.
   * @throws AppError `auth.session_ended`
   */
  refresh(refreshToken: string): Promise<SessionTokens>;
  /** Ends the session of a refresh token; one that is unknown is no error. */
  end(refreshToken: string): Promise<void>;
  endAll(userId: string): Promise<void>;
  /** @param currentId the session that asks */
  list(userId: string, currentId: string | undefined): Promise<Session[]>;
  /** @throws AppError `session.not_found` */
  revoke(userId: string, id: string): Promise<void>;
  /** Looks every session up anew: something about one has just changed here. */
  forgetKnown(): void;
  /** The session of an access token while it is live; undefined otherwise. */
  find(accessToken: string): Promise<LiveSession | undefined>;
}

export interface SessionServiceDeps {
  db: Db;
  /** Connections for look-ups that must not wait behind others. */
  vital: Db;
  clock: Clock;
  notifications: Pick<Notifications, "on">;
  accessTokens: AccessTokens;
}

/** How long a session that was found is taken as live: what ends it elsewhere is felt within this time at the latest. */
const knownMsMax = 1_000;
const knownMax = 5_000;

const sessionEnded = (): AppError =>
  new AppError("auth.session_ended", "The session is over: sign in again.");

/** Where the request that is answered comes from. */
const whence = () => {
  const origin = currentOrigin();
  return {
    userAgent: storableText((origin?.userAgent ?? "").slice(0, 300)),
    address: origin?.address ?? "",
  };
};

export const byUser = (userId: string): Pick<AuditRecord, "who"> => ({ who: { kind: "user", id: userId } });

export function createSessionService(deps: SessionServiceDeps): SessionService {
  const { db, vital, clock, notifications, accessTokens } = deps;
  const known = createRecent<LiveSession>({ clock, msMax: knownMsMax, sizeMax: knownMax });
  notifications.on(sessionChannel, () => known.clear());

  const tokensFor = async (user: User, sessionId: string, refreshToken: string): Promise<SessionTokens> => ({
    accessToken: await accessTokens.issue({ userId: user.id, sessionId }),
    expiresInSeconds: accessSeconds,
    ...{ refreshToken, user },
  });

  /** The newest token of the family: what a token that was used a moment ago has led to. */
  const newestAfter = async (tx: Tx, token: string, salt: Buffer): Promise<string> => {
    let newest = successorOf(token, salt);
    for (;;) {
      const next = await findSuccessorSalt(tx, hashToken(newest));
      if (next === undefined) return newest;
      newest = successorOf(newest, next);
    }
  };

  const rotate = async (tx: Tx, token: string, found: FoundRefreshToken): Promise<string> => {
    if (found.isUsed && found.successorSalt !== null)
      return await newestAfter(tx, token, found.successorSalt);
    const salt = makeSuccessorSalt();
    const successor = successorOf(token, salt);
    await markUsed(tx, found.id, salt);
    await insertRefreshToken(tx, found.sessionId, hashToken(successor));
    await touchSession(tx, found.sessionId, whence());
    return successor;
  };

  return {
    async begin(tx, user) {
      const session = await insertSession(tx, { userId: user.id, ...whence() });
      const refreshToken = makeRefreshToken();
      await insertRefreshToken(tx, session.id, hashToken(refreshToken));
      return await tokensFor(user, session.id, refreshToken);
    },
    async refresh(token) {
      const refreshed = await inTransaction(db, async (tx) => {
        const found = await lockRefreshToken(tx, hashToken(token));
        if (found === undefined || !found.isLive) return undefined;
        if (found.isUsed && !found.isInGrace) {
          await endStolen(tx, found);
          return undefined;
        }
        const user = await findUser(tx, found.userId);
        return user && { user, sessionId: found.sessionId, token: await rotate(tx, token, found) };
      });
      if (refreshed === undefined) throw sessionEnded();
      return await tokensFor(toUser(refreshed.user), refreshed.sessionId, refreshed.token);
    },
    async end(token) {
      await inTransaction(db, async (tx) => {
        const found = await lockRefreshToken(tx, hashToken(token));
        if (found === undefined || !found.isLive) return;
        const { sessionId, userId } = found;
        await endSessions(tx, userId, { id: sessionId, reason: "logged_out" });
        await recordAudit(tx, {
          ...{ action: "user.logged_out", targetType: "session", targetId: sessionId },
          ...byUser(userId),
        });
      });
      known.clear();
    },
    async endAll(userId) {
      await inTransaction(db, async (tx) => {
        const ended = await endSessions(tx, userId, { reason: "logged_out" });
        await recordAudit(tx, {
          ...{ action: "user.logged_out", targetType: "user", targetId: userId },
          detail: { sessions: ended.length },
        });
      });
      known.clear();
    },
    async list(userId, currentId) {
      const rows = await listLiveSessions(db, userId);
      return rows.map((row) => toSession(row, currentId));
    },
    async revoke(userId, id) {
      await inTransaction(db, async (tx) => {
        const ended = await endSessions(tx, userId, { id, reason: "revoked" });
        if (ended.length === 0) throw new AppError("session.not_found", "You have no such session.");
        await recordAudit(tx, { action: "session.revoked", targetType: "session", targetId: id });
      });
      known.clear();
    },
    forgetKnown: () => known.clear(),
    async find(accessToken) {
      const claims = await accessTokens.verify(accessToken);
      if (claims === undefined) return undefined;
      const kept = known.get(claims.sessionId);
      if (kept !== undefined) return kept;
      const generation = known.generation();
      const session = await findLiveSession(vital, claims.sessionId);
      if (session?.userId !== claims.userId) return undefined;
      known.set(session.id, session, generation);
      return session;
    },
  };
}

/** Somebody else has the token too: nobody can tell who is who, so both are shown out. */
async function endStolen(tx: Tx, { sessionId, userId }: FoundRefreshToken): Promise<void> {
  await endSessions(tx, userId, { id: sessionId, reason: "reuse_detected" });
  await recordAudit(tx, {
    ...{ action: "session.reuse_detected", targetType: "session", targetId: sessionId },
    ...byUser(userId),
  });
}

const toSession = (row: SessionRow, currentId: string | undefined): Session => ({
  id: row.id,
  isCurrent: row.id === currentId,
  userAgent: row.userAgent,
  address: row.address,
  createdAt: row.createdAt.toISOString(),
  lastUsedAt: row.lastUsedAt.toISOString(),
  expiresAt: row.expiresAt.toISOString(),
});
