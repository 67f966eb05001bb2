import type { Lifecycle, Logger } from "@agentvine/kit";
import type { BackendConfig } from "./config.ts";
import { welcomeOf } from "./http/host-guard.ts";
import { createRateLimits } from "./http/rate-limits.ts";
import type { ServerOptions } from "./http/server.ts";
import { openServerTls } from "./http/server-tls.ts";
import type { SharedRedis } from "./redis/shared-redis.ts";

export interface EdgeDeps {
  config: BackendConfig;
  logger: Logger;
  redis: SharedRedis | undefined;
  background: Lifecycle;
  limits: { tlsLookMs?: number; rateWindowSeconds?: number };
}

type Edge = Pick<ServerOptions, "welcome" | "trustedProxies" | "publicUrl" | "tls" | "rateLimits" | "logger">;

/** What stands between the server and whoever reaches it. @throws AppError `config.invalid` when the certificate can't be used */
export async function openEdge({ config, logger, redis, background, limits }: EdgeDeps): Promise<Edge> {
  const files = config.tls;
  const tls =
    files === undefined ? undefined : await openServerTls({ ...files, logger, lookMs: limits.tlsLookMs });
  background.add("TLS certificate", () => tls?.stop());
  return {
    logger,
    tls,
    welcome: welcomeOf(config),
    trustedProxies: config.trustedProxies,
    publicUrl: config.publicUrl,
    rateLimits: createRateLimits(config.ratesPerSecond, redis, limits.rateWindowSeconds),
  };
}
