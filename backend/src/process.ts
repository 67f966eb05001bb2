import {
  AppError,
  coerceError,
  createLogger,
  isAppError,
  Lifecycle,
  type Logger,
  prepareDataDirectory,
  systemClock,
} from "@agentvine/kit";
import { resolveClusterDir, startEmbeddedPostgres } from "@agentvine/postgres";
import type { BackendConfig } from "./config.ts";
import type { Secrets } from "./modules/secrets/index.ts";
import type { SharedRedis } from "./redis/shared-redis.ts";

/** The line on standard output that tells the starter that the backend takes requests. */
export interface ReadyLine {
  ready: true;
  url: string;
  tokenFile: string;
  workerKeyFile: string;
  /** Makes whoever opens it the first administrator; null when there is one, and in local mode. */
  setUpUrl: string | null;
  pid: number;
}

export interface RunningBackend {
  ready: ReadyLine;
  /** Ends requests, then background work, then the database: last started, first stopped. */
  stop(): Promise<void>;
}

const errnoOf = (error: unknown): string => {
  const { code } = coerceError(error) as NodeJS.ErrnoException;
  return code ?? "";
};

/**
 * Starts everything in order: data directory, database, migrations, server.
 * @throws AppError that says in one line what is wrong; whatever was started has been stopped again
 */
export async function startBackend(
  config: BackendConfig,
  logger = loggerOf(config),
): Promise<RunningBackend> {
  const lifecycle = new Lifecycle();
  try {
    const ready = await start(config, logger, lifecycle);
    return { ready, stop: () => lifecycle.stop() };
  } catch (error) {
    await lifecycle.stop().catch((stopError: unknown) => {
      logger.warn({ err: coerceError(stopError) }, "could not stop everything after a failed start");
    });
    throw await told(error);
  }
}

/** A database that goes away in the middle of the start is told like one that was never there. */
async function told(error: unknown): Promise<unknown> {
  if (isAppError(error)) return error;
  const { databaseFaultOf, sqlReasonOf } = await import("./database/database-error.ts");
  const fault = databaseFaultOf(error);
  if (fault === undefined) return error;
  return new AppError(fault, `The database failed while the backend started: ${sqlReasonOf(error)}.`, {
    cause: error,
  });
}

const loggerOf = ({ logLevel, logFormat }: BackendConfig): Logger =>
  createLogger({ name: "backend", level: logLevel, pretty: logFormat === "pretty" });

async function start(config: BackendConfig, logger: Logger, lifecycle: Lifecycle): Promise<ReadyLine> {
  await prepareDataDirectory(config.home);
  // The code of the server is loaded while the database starts.
  const [
    { buildApp, publicUrlOf },
    { openDatabase },
    { readSchemaState },
    { openNotifications },
    databaseUrl,
  ] = await Promise.all([
    import("./app.ts"),
    import("./database/client.ts"),
    import("./database/migrate.ts"),
    import("./database/notifications.ts"),
    startDatabase(config, logger, lifecycle),
  ]);
  const database = openDatabase({
    url: databaseUrl,
    connectionsMax: config.databaseConnections,
    onConnectionError: (error) => logger.warn({ err: error }, "a database connection broke"),
  });
  lifecycle.add("database connections", () => database.close());
  if ((await readSchemaState(database.db)) === "ahead") {
    logger.warn("a newer version has migrated this database: it is served, but update this backend too");
  }
  const { openSecrets } = await import("./modules/secrets/index.ts");
  const secrets = await openSecrets({ db: database.db, source: config, logger });
  const redis = await openRedis(config, secrets, logger);
  lifecycle.add("Redis", () => redis?.close());
  const notifications = openNotifications({ database, redis, logger });
  lifecycle.add("notifications", () => notifications.close());
  const app = await buildApp({
    ...{ config, logger, clock: systemClock },
    ...{ database, secrets, notifications, redis },
  });
  lifecycle.add("background work", () => app.background.stop());
  lifecycle.add("server", () => app.server.close());
  const stopHearing = onHangUp(() => void app.tls?.reload(), app.tls !== undefined);
  lifecycle.add("hang-up signal", async () => stopHearing());
  await listen(app.server, config);
  warnOfLinks(config, logger);
  return {
    ready: true,
    url: publicUrlOf(config, app.server),
    tokenFile: app.local.tokenFile,
    workerKeyFile: app.local.workerKeyFile,
    setUpUrl: (await app.accounts.makeSetUpLink())?.url ?? null,
    pid: process.pid,
  };
}

/** Who listens on every address can't know by which one people come. */
function warnOfLinks({ accounts, host, publicUrl }: BackendConfig, logger: Logger): void {
  if (accounts === "off" || publicUrl !== undefined || !["0.0.0.0", "::"].includes(host)) return;
  logger.warn(
    "links that are mailed name 127.0.0.1, which leads nowhere on other machines: set AGENTVINE_PUBLIC_URL to the address people use",
  );
}

/** With a certificate that may change, SIGHUP means what it means to servers: look at it now. */
function onHangUp(listener: () => void, isWanted: boolean): () => void {
  if (!isWanted) return () => {};
  process.on("SIGHUP", listener);
  return () => void process.off("SIGHUP", listener);
}

/** What backends share by Redis; undefined when there is none. Does not wait until it is reached. */
export async function openRedis(
  { redisUrl, redisCaFile }: BackendConfig,
  secrets: Secrets,
  logger: Logger,
): Promise<SharedRedis | undefined> {
  if (redisUrl === undefined) return undefined;
  const [{ openSharedRedis }, { nameInstallation }] = await Promise.all([
    import("./redis/shared-redis.ts"),
    import("./modules/auth/index.ts"),
  ]);
  const prefix = `agentvine:${await nameInstallation(secrets)}`;
  return await openSharedRedis({ url: redisUrl, caFile: redisCaFile, prefix, logger });
}

/** The address of a database that has all migrations. */
async function startDatabase(config: BackendConfig, logger: Logger, lifecycle: Lifecycle): Promise<string> {
  const { migrateDatabase } = await import("./database/migrate.ts");
  const onWait = (reason: string): void => logger.warn(reason);
  if (config.databaseUrl !== undefined) {
    await migrateDatabase(config.databaseUrl, { onWait });
    return config.databaseUrl;
  }
  const postgres = await startEmbeddedPostgres({
    dataDir: resolveClusterDir(config.home),
    log: (line) => logger.debug({ part: "postgres" }, line),
  });
  lifecycle.add("embedded PostgreSQL", () => postgres.stop());
  await migrateDatabase(postgres.url, { onWait });
  return postgres.url;
}

async function listen(
  server: { listen(options: { host: string; port: number }): Promise<string> },
  { host, port, tls }: BackendConfig,
): Promise<void> {
  try {
    // For `localhost` Fastify opens a second server on the other address, which would never hear of a new certificate.
    await server.listen({ host: tls !== undefined && host === "localhost" ? "127.0.0.1" : host, port });
  } catch (error) {
    const code = errnoOf(error);
    if (code === "EADDRINUSE") {
      throw new AppError(
        "server.port_in_use",
        `Port ${port} on ${host} is taken. Choose another with --port or AGENTVINE_PORT.`,
        { cause: error },
      );
    }
    if (code === "EACCES" || code === "EADDRNOTAVAIL" || code === "ENOTFOUND") {
      throw new AppError("config.invalid", `Can't listen on ${host} port ${port} (${code}).`, {
        cause: error,
      });
    }
    throw error;
  }
}
