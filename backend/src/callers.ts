import type { FastifyInstance } from "fastify";
import { type Accounts, type AccountsDeps, wireAccounts } from "./accounts.ts";
import { type ApiKeyService, createApiKeyService, registerApiKeyRoutes } from "./modules/api-keys/index.ts";
import {
  type AuthService,
  createAuthService,
  type LocalMode,
  prepareLocalMode,
  registerAuthRoutes,
} from "./modules/auth/index.ts";
import type { Secrets } from "./modules/secrets/index.ts";

export interface Callers {
  local: LocalMode;
  apiKeys: ApiKeyService;
  accounts: Accounts;
  auth: AuthService;
  registerRoutes(server: FastifyInstance): void;
  /** Removes keys, sessions and links that ended more than so many days ago. @returns how many */
  forgetEnded(days: number): Promise<number>;
}

/** Wires what finds out who makes a request: people by session or in local mode by token, machines by key, attempts by their own token. */
export async function wireCallers(
  deps: Omit<AccountsDeps, "secret"> & { secrets: Secrets },
): Promise<Callers> {
  const { config, database, secrets, notifications, logger, clock, publicUrl } = deps;
  const apiKeys = createApiKeyService({ db: database.vital, clock, logger, notifications });
  const local = await prepareLocalMode({ db: database.db, apiKeys, secrets, home: config.home });
  const accounts = wireAccounts({ ...deps, secret: local.secret });
  const findSession = accounts.isOn ? accounts.sessions.find : undefined;
  const auth = createAuthService({
    ...{ db: database.db, local, apiKeys, findSession, clock, publicUrl },
  });
  return {
    ...{ local, apiKeys, accounts, auth },
    forgetEnded: async (days) => (await apiKeys.forgetEnded(days)) + (await accounts.forgetEnded(days)),
    registerRoutes(server) {
      registerAuthRoutes(server, auth);
      accounts.registerRoutes(server);
      registerApiKeyRoutes(server, { apiKeys, clock });
    },
  };
}
