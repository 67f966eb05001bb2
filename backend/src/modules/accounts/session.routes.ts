import { endpoints } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { FastifyInstance } from "fastify";
import type { Actor } from "../../actor.ts";
import { route } from "../../http/route.ts";
import { type AccountServices, assertOn } from "./accounts.service.ts";

/** The session that asks. @throws AppError `auth.forbidden` for keys and the local token, which have none */
function sessionOf(actor: Actor): string {
  if (actor.session === undefined)
    throw new AppError("auth.forbidden", "This wants a session: sign in with name and password.");
  return actor.session.id;
}

/** Routes of a person's own sessions and password. */
export function registerSessionRoutes(app: FastifyInstance, accounts: AccountServices): void {
  const { sessions, passwords } = accounts;
  route(app, endpoints.auth.logoutEverywhere, ({ actor }) => sessions.endAll(actor.userId));
  route(app, endpoints.auth.confirmPassword, async ({ actor, body }) => {
    assertOn(accounts);
    await passwords.confirm(actor.userId, sessionOf(actor), body.password);
  });
  route(app, endpoints.auth.changePassword, async ({ actor, body }) => {
    assertOn(accounts);
    await passwords.change({ userId: actor.userId, sessionId: actor.session?.id }, body);
  });
  route(app, endpoints.auth.listSessions, async ({ actor }) => ({
    items: await sessions.list(actor.userId, actor.session?.id),
  }));
  route(app, endpoints.auth.revokeSession, ({ actor, params }) =>
    sessions.revoke(actor.userId, params.sessionId),
  );
}
