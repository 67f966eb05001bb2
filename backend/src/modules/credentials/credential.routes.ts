import { endpoints } from "@agentvine/contracts";
import type { FastifyInstance } from "fastify";
import { route } from "../../http/route.ts";
import type { CredentialService } from "./credential.service.ts";
import type { HandOut } from "./hand-out.service.ts";
import type { RepositorySecretService } from "./repository-secret.service.ts";

export interface CredentialRoutes {
  credentials: CredentialService;
  repositorySecrets: RepositorySecretService;
  handOut: HandOut;
}

export function registerCredentialRoutes(app: FastifyInstance, services: CredentialRoutes): void {
  const { credentials, repositorySecrets, handOut } = services;
  route(app, endpoints.credentials.create, ({ body, actor }) => credentials.create(body, actor.userId));
  route(app, endpoints.credentials.list, async ({ query }) => ({
    items: await credentials.list(query.repositoryId),
  }));
  route(app, endpoints.credentials.update, ({ params, body }) =>
    credentials.update(params.credentialId, body),
  );
  route(app, endpoints.credentials.delete, ({ params }) => credentials.delete(params.credentialId));
  route(app, endpoints.credentials.forAttempt, ({ params, actor }) =>
    handOut.forAttempt(actor, params.workOrderId),
  );
  route(app, endpoints.secrets.list, async ({ params }) => ({
    items: await repositorySecrets.list(params.repositoryId),
  }));
  route(app, endpoints.secrets.set, ({ params, body, actor }) =>
    repositorySecrets.set({ ...params, ...body, createdBy: actor.userId }),
  );
  route(app, endpoints.secrets.remove, ({ params }) =>
    repositorySecrets.remove(params.repositoryId, params.name),
  );
}
