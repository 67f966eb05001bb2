import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { rolePermissions } from "@agentvine/contracts";
import { AppError, type Clock } from "@agentvine/kit";
import { type Actor, attemptPermissions, operatorPermissions, userPermissions } from "../../actor.ts";
import { cookieIn } from "../../cookie-in.ts";
import type { Db } from "../../database/client.ts";
import { type ApiKeyService, isApiKey } from "../api-keys/index.ts";
import { recordAudit } from "../audit/index.ts";
import {
  type AttemptClaims,
  isAttemptToken,
  issueAttemptToken,
  verifyAttemptToken,
} from "./attempt-token.ts";
import { createBrowserSessions } from "./browser-session.ts";
import type { LocalMode } from "./local-mode.service.ts";
import type { FindSession } from "./session.port.ts";
import { createTokenSigner } from "./token-signer.ts";

export interface AuthService {
  /** Who makes a request with these headers. @throws AppError `auth.required`, `auth.invalid` */
  authenticate(headers: IncomingHttpHeaders): Promise<Actor>;
  /** The bearer token of one attempt. */
  issueAttemptToken(workOrderId: string, attempt: number): string;
  /** Which attempt the token speaks for; undefined when it is not ours. The lease is not looked at. */
  verifyAttemptToken(token: string): AttemptClaims | undefined;
  createLocalLink(): Promise<{ url: string; expiresAt: string }>;
  /** The cookie for a browser that came by a link. @throws AppError `auth.invalid` */
  openLocalLink(code: string): Promise<string>;
}

export interface AuthServiceOptions {
  db: Db;
  local: Pick<LocalMode, "userId" | "token" | "secret">;
  apiKeys: ApiKeyService;
  /** Undefined: local mode, where nobody signs in. */
  findSession: FindSession | undefined;
  clock: Clock;
  /** The address people use; known only once the server listens. */
  publicUrl: () => string;
}

const cookieName = "agentvine_session";

const isEqual = (a: string, b: string): boolean =>
  timingSafeEqual(createHash("sha256").update(a).digest(), createHash("sha256").update(b).digest());

function bearerOf({ authorization }: IncomingHttpHeaders): string | undefined {
  if (authorization === undefined) {
    return undefined;
  }
  const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  if (token === undefined) {
    throw new AppError("auth.invalid", "The Authorization header must read `Bearer <token>`.");
  }
  return token;
}

/** A JSON Web Token, by its look. */
const isAccessToken = (text: string): boolean => text.startsWith("eyJ");

function assertLocal(findSession: FindSession | undefined): void {
  if (findSession !== undefined)
    throw new AppError("auth.forbidden", "This installation has accounts: sign in with name and password.");
}

/** Finds out who is asking: a person by session, or in local mode by token or link, a machine by its key, an attempt by its own token. */
export function createAuthService(options: AuthServiceOptions): AuthService {
  const { db, local, apiKeys, findSession, clock, publicUrl } = options;
  const attempts = createTokenSigner(local.secret, "attempt token");
  const sessions = createBrowserSessions(createTokenSigner(local.secret, "browser session"), clock);
  const localUser: Actor = {
    kind: "user",
    id: local.userId,
    userId: local.userId,
    permissions: findSession === undefined ? userPermissions : operatorPermissions,
  };

  async function bySession(token: string): Promise<Actor | undefined> {
    const session = await findSession?.(token);
    if (session === undefined) return undefined;
    const { id, userId, role, authenticatedAt } = session;
    const permissions = rolePermissions[role];
    return { kind: "user", id: userId, userId, permissions, session: { id, authenticatedAt } };
  }

  async function byBearer(token: string): Promise<Actor | undefined> {
    if (isAttemptToken(token)) {
      const attempt = verifyAttemptToken(attempts, token);
      return (
        attempt && {
          kind: "attempt",
          id: attempt.workOrderId,
          userId: local.userId,
          permissions: attemptPermissions,
          attempt,
        }
      );
    }
    if (isApiKey(token)) {
      const found = await apiKeys.find(token);
      return found && { kind: "worker_key", ...found };
    }
    if (isAccessToken(token)) return await bySession(token);
    return isEqual(token, local.token) ? localUser : undefined;
  }

  return {
    async authenticate(headers) {
      const token = bearerOf(headers);
      if (token !== undefined) {
        const actor = await byBearer(token);
        if (actor === undefined) {
          throw new AppError("auth.invalid", "The token is not known or no longer valid.");
        }
        return actor;
      }
      const session = cookieIn(headers, cookieName);
      if (findSession === undefined && session !== undefined && sessions.isValid(session)) {
        return localUser;
      }
      throw new AppError("auth.required", "A token is needed: send `Authorization: Bearer <token>`.");
    },
    issueAttemptToken: (workOrderId, attempt) => issueAttemptToken(attempts, { workOrderId, attempt }),
    verifyAttemptToken: (token) => verifyAttemptToken(attempts, token),
    async createLocalLink() {
      assertLocal(findSession);
      const { code, expiresAt } = sessions.createLink();
      const url = new URL("/local/open", publicUrl());
      url.searchParams.set("code", code);
      const detail = { expiresAt };
      await recordAudit(db, { action: "local_link.created", targetType: "local_link", detail });
      return { url: url.href, expiresAt: expiresAt.toISOString() };
    },
    async openLocalLink(code) {
      assertLocal(findSession);
      const opened = sessions.openLink(code);
      if (opened === undefined) {
        throw new AppError(
          "auth.invalid",
          "This link was used already or is too old: ask for a new one with `agentvine up`.",
        );
      }
      const { session, maxAgeSeconds } = opened;
      await recordAudit(db, {
        ...{ action: "user.logged_in", targetType: "user", targetId: local.userId },
        ...{ who: { kind: "user", id: local.userId }, detail: { by: "local link" } },
      });
      // Behind TLS the browser must never send it in the clear.
      const secure = publicUrl().startsWith("https:") ? "; Secure" : "";
      return `${cookieName}=${session}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict${secure}`;
    },
  };
}
