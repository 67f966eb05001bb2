import type { LookUpHost } from "@agentvine/kit";
import type { FastifyInstance } from "fastify";
import type { BackendConfig } from "./config.ts";
import type { Db } from "./database/client.ts";
import {
  createCredentialService,
  createHandOut,
  createRepositorySecretService,
  registerCredentialRoutes,
} from "./modules/credentials/index.ts";
import {
  createRepositoryService,
  type RepositoryService,
  registerRepositoryRoutes,
} from "./modules/repositories/index.ts";
import { registerSecretRoutes, type Secrets } from "./modules/secrets/index.ts";

export interface RepositoriesDeps {
  server: FastifyInstance;
  config: BackendConfig;
  db: Db;
  secrets: Secrets;
  lookUpHost: LookUpHost | undefined;
}

/** Wires what is known of repositories, and what opens them. */
export function wireRepositories({
  server,
  config,
  db,
  secrets,
  lookUpHost,
}: RepositoriesDeps): RepositoryService {
  const repositories = createRepositoryService({
    db,
    gate: { allowsPaths: config.allowsPaths, allowsPrivateHosts: config.allowsPrivateHosts },
    lookUpHost,
  });
  const deps = { db, box: secrets, repositories };
  registerRepositoryRoutes(server, repositories);
  registerSecretRoutes(server, secrets);
  registerCredentialRoutes(server, {
    credentials: createCredentialService(deps),
    repositorySecrets: createRepositorySecretService(deps),
    handOut: createHandOut(deps),
  });
  return repositories;
}
