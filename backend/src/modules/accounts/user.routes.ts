import { endpoints } from "@agentvine/contracts";
import type { Clock } from "@agentvine/kit";
import type { FastifyInstance } from "fastify";
import { pageReply } from "../../http/page-reply.ts";
import { route } from "../../http/route.ts";
import { assertPerson } from "../../recent-password.ts";
import { type AccountServices, assertOn } from "./accounts.service.ts";

/** Routes of accounts: one's own, and everybody's for administrators. */
export function registerUserRoutes(
  app: FastifyInstance,
  accounts: AccountServices & { isMailOn: boolean; clock: Clock },
): void {
  const { users, registration, isMailOn, clock } = accounts;
  route(app, endpoints.users.getMe, ({ actor }) => users.me(actor.userId));
  route(app, endpoints.users.patchMe, async ({ actor, body }) => {
    if (body.email !== undefined) {
      assertOn(accounts);
      assertPerson(actor, clock.now());
    }
    return await users.patchMe(actor.userId, body);
  });
  route(app, endpoints.users.list, async ({ query }) => pageReply(query, await users.list(query)));
  route(app, endpoints.users.invite, async ({ actor, body }) => {
    assertOn(accounts);
    assertPerson(actor, clock.now());
    const link = await registration.invite({ ...body, createdBy: actor.userId });
    return { ...link, isMailed: isMailOn };
  });
  route(app, endpoints.users.get, ({ params }) => users.get(params.userId));
  route(app, endpoints.users.patch, async ({ actor, params, body }) => {
    assertOn(accounts);
    assertPerson(actor, clock.now());
    return await users.patch(params.userId, body);
  });
  route(app, endpoints.users.createLink, async ({ actor, params, body }) => {
    assertOn(accounts);
    assertPerson(actor, clock.now());
    const link = await users.createLink(params.userId, body.purpose, actor.userId);
    return { ...link, isMailed: isMailOn };
  });
}
