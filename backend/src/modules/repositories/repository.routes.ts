import { endpoints, type Repository } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { FastifyInstance } from "fastify";
import type { Actor } from "../../actor.ts";
import { pageReply } from "../../http/page-reply.ts";
import { route } from "../../http/route.ts";
import type { RepositoryService } from "./repository.service.ts";

const mayManage = ({ permissions }: Actor): boolean => permissions.includes("credentials:manage");

/**
 * The commands and the environment of a repository run beside its test-run secrets: whoever sets them could read those.
 * @throws AppError `auth.forbidden`
 */
function assertMaySet(actor: Actor, settings: object | undefined): void {
  if (settings === undefined || mayManage(actor)) return;
  throw new AppError(
    "auth.forbidden",
    "Commands and environment of a repository are for administrators: leave `settings` out.",
  );
}

/** What stands in place of a value that the caller may not see. */
const hidden = "[hidden]";

/** Of the environment, only who may manage secrets sees more than the names. */
function shown(actor: Actor, repository: Repository): Repository {
  if (mayManage(actor)) return repository;
  const environment = Object.fromEntries(
    Object.keys(repository.settings.environment).map((name) => [name, hidden]),
  );
  return { ...repository, settings: { ...repository.settings, environment } };
}

export function registerRepositoryRoutes(app: FastifyInstance, repositories: RepositoryService): void {
  route(app, endpoints.repositories.create, async ({ actor, body, correlationId }) => {
    assertMaySet(actor, body.settings);
    return shown(actor, await repositories.create(body, correlationId));
  });
  route(app, endpoints.repositories.list, async ({ actor, query }) => {
    const { items, ...total } = await repositories.list(query);
    return pageReply(query, { items: items.map((one) => shown(actor, one)), ...total });
  });
  route(app, endpoints.repositories.get, async ({ actor, params }) =>
    shown(actor, await repositories.get(params.repositoryId)),
  );
  route(app, endpoints.repositories.update, async ({ actor, params, body, correlationId }) => {
    assertMaySet(actor, body.settings);
    return shown(actor, await repositories.update(params.repositoryId, body, correlationId));
  });
  // Its credentials and secrets go with it.
  route(app, endpoints.repositories.delete, ({ params, correlationId }) =>
    repositories.delete(params.repositoryId, correlationId),
  );
}
