import { type ApiKey, endpoints } from "@agentvine/contracts";
import { AppError, type Clock } from "@agentvine/kit";
import type { FastifyInstance } from "fastify";
import type { Actor } from "../../actor.ts";
import { route } from "../../http/route.ts";
import { assertRecentPassword } from "../../recent-password.ts";
import type { ApiKeyService } from "./api-key.service.ts";
import { assertHeld, endWithin, isAdmin, isTheirs, mayReplace } from "./key-owner.ts";

export function registerApiKeyRoutes(
  app: FastifyInstance,
  { apiKeys, clock }: { apiKeys: ApiKeyService; clock: Clock },
): void {
  const theirs = async (actor: Actor, id: string): Promise<ApiKey> => {
    const key = await apiKeys.get(id);
    // Somebody else's key is told from none only to who may see it.
    if (!isTheirs(actor, key)) throw new AppError("api_key.not_found", "There is no such API key.");
    return key;
  };
  route(app, endpoints.system.createApiKey, async ({ body, actor }) => {
    assertRecentPassword(actor, clock.now());
    assertHeld(actor, body.permissions);
    return await apiKeys.create({
      ...body,
      createdBy: actor.userId,
      expiresAt: endWithin(actor, body.expiresAt),
    });
  });
  route(app, endpoints.system.rotateApiKey, async ({ params, body, actor }) => {
    assertRecentPassword(actor, clock.now());
    const key = await theirs(actor, params.apiKeyId);
    if (!mayReplace(actor, key))
      throw new AppError("auth.forbidden", "Only its owner may replace a person's key; you can revoke it.");
    // A key may be given to a program that shall do little: it gets no other key that does more, or lives longer.
    if (actor.kind === "worker_key") assertHeld(actor, key.permissions);
    return await apiKeys.rotate({
      ...{ id: key.id, ...body, createdBy: key.createdBy },
      expiresMax: actor.expiresAt,
    });
  });
  route(app, endpoints.system.listApiKeys, async ({ actor }) => ({
    items: await apiKeys.list(isAdmin(actor) ? undefined : actor.userId),
  }));
  route(app, endpoints.system.revokeApiKey, async ({ params, actor }) => {
    const key = await theirs(actor, params.apiKeyId);
    await apiKeys.revoke(key.id);
  });
}
