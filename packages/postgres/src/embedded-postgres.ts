import { realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { AppError, coerceError, sleep } from "@agentvine/kit";
import pg from "pg";
import { type Binaries, prepareBinaries } from "./binaries.ts";
import { ensureCluster, serverError, superuser } from "./cluster.ts";
import { acquireOwnerLock } from "./owner-lock.ts";
import { isServerOf, readPostmasterFile, removeStalePostmasterFile } from "./postmaster-file.ts";
import { findServerAccount, type ServerAccount } from "./server-account.ts";
import {
  adoptServer,
  endsWithin,
  findFreePort,
  isWatched,
  pollUntilGone,
  type ServerProcess,
  startServer,
} from "./server-process.ts";

export interface EmbeddedPostgresOptions {
  /** Absolute path of the data directory; made when missing. `resolveClusterDir` tells a good one. */
  dataDir: string;
  /** Gets the server's log and what the launcher does, line by line. */
  log?: (line: string) => void;
  /** Each step (initdb, start with crash recovery) may take this long. 60 s by default. */
  startTimeoutMs?: number;
  /** Server settings (`postgresql.conf` names). */
  settings?: Record<string, string>;
}

export interface EmbeddedPostgres {
  /** Address of the database `agentvine`, with its superuser's password. Stays the same when the server restarts. */
  url: string;
  port: number;
  dataDir: string;
  /** Process id of the server that runs now. */
  readonly pid: number;
  /** The server ran already, left behind by an owner that ended without stopping it. */
  adopted: boolean;
  /** Saves everything, ends the server and frees the data directory. May be called again. */
  stop(): Promise<void>;
}

/** Settings for tests: faster, and safe when a process is killed, but a crash of the machine destroys the cluster. */
export const unsafeFastSettings: Record<string, string> = {
  fsync: "off",
  full_page_writes: "off",
};

const databaseName = "agentvine";
const startAttemptsMax = 60;
const retryDelayMs = 250;

interface Launch {
  dataDir: string;
  account: ServerAccount | undefined;
  binaries: Binaries;
  password: string;
  settings: Record<string, string>;
  timeoutMs: number;
  log: (line: string) => void;
}

/**
 * Starts a private PostgreSQL server on a free port of the loopback interface, or takes over one that was left behind. It
 * ends with this process, in whatever way that ends; when the server itself dies it is started again on its port.
 * @throws AppError `home.in_use` (another live instance), `home.unusable`, `storage.full`, `postgres.start_failed`,
 * `postgres.version_unsupported` or `postgres.platform_unsupported`.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { settings = {}, startTimeoutMs: timeoutMs = 60_000, log = () => {} } = options;
  const account = findServerAccount();
  const dataDir = resolveLinks(options.dataDir);
  const lock = await acquireOwnerLock(`${dataDir}.owners`, `The data directory ${dataDir}`);
  try {
    const binaries = await prepareBinaries({ account, copyParent: dirname(dataDir), log });
    const isUnsynced = settings.fsync === "off";
    const password = await ensureCluster({ dataDir, binaries, account, timeoutMs, isUnsynced, log });
    const launch = { dataDir, account, binaries, password, settings, timeoutMs, log };
    const orphan = await adoptOrphan(launch);
    const server = orphan ?? (await startWithRetry(launch));
    try {
      await ensureDatabase(server.port, password);
    } catch (error) {
      await server.stop();
      throw new AppError(
        "postgres.start_failed",
        `PostgreSQL started but can't be used: ${coerceError(error).message}`,
        {
          cause: error,
        },
      );
    }
    return supervise(server, orphan !== undefined, launch, lock.release);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** The path that the server itself will name, so that it can be recognised. */
function resolveLinks(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(resolveLinks(parent), path.slice(parent.length));
  }
}

/** A server of this directory that lost its owner and its watchdog. One that is on its way out is waited for. */
async function adoptOrphan(launch: Launch): Promise<ServerProcess | undefined> {
  const { dataDir, password, account, log } = launch;
  const running = readPostmasterFile(dataDir);
  if (running === undefined || !isServerOf(dataDir, running.pid)) {
    return undefined;
  }
  const { pid, port } = running;
  if (!isWatched(dataDir) && running.status === "ready" && (await isReachable(port, password, dataDir))) {
    log(`adopting the running server ${pid}`);
    return adoptServer(pid, port, dataDir, account);
  }
  log(`waiting for the previous server ${pid} to end`);
  if (!isWatched(dataDir)) {
    process.kill(pid, "SIGINT");
  }
  if (!(await endsWithin(pollUntilGone(pid), launch.timeoutMs))) {
    throw new AppError(
      "postgres.start_failed",
      `The previous server (process ${pid}) of ${dataDir} does not end.`,
    );
  }
  return undefined;
}

async function startWithRetry(launch: Launch, fixedPort?: number): Promise<ServerProcess> {
  const { dataDir, account, settings, timeoutMs, log } = launch;
  const { postgres } = launch.binaries;
  for (let attempt = 1; ; attempt += 1) {
    const port = fixedPort ?? (await findFreePort());
    const result = await startServer({ postgres, dataDir, port, account, settings, timeoutMs, log });
    if ("server" in result) {
      return result.server;
    }
    const { output, isTimeout } = result;
    if (isTimeout) {
      throw new AppError("postgres.start_failed", `PostgreSQL was not ready within ${timeoutMs} ms.`, {
        detail: output,
      });
    }
    // The port was taken meanwhile, or what is left of the previous server is not gone yet.
    const isPassing = /could not bind|lock file "postmaster.pid"|pre-existing shared memory/.test(output);
    if (!isPassing || attempt === startAttemptsMax) {
      throw serverError(output, dataDir, "PostgreSQL did not start");
    }
    if (!removeStalePostmasterFile(dataDir)) {
      await sleep(retryDelayMs);
    }
  }
}

function connectionTo(port: number, password: string, database: string): pg.Client {
  const client = new pg.Client({
    host: "127.0.0.1",
    port,
    user: superuser,
    password,
    database,
    connectionTimeoutMillis: 10_000,
    // Given here so that PGSSLMODE and PGOPTIONS of our environment do not count.
    ssl: false,
    options: "-c application_name=agentvine-launcher",
  });
  // A connection that is cut is told by the query that waits on it.
  client.on("error", () => {});
  return client;
}

async function isReachable(port: number, password: string, dataDir: string): Promise<boolean> {
  const client = connectionTo(port, password, "postgres");
  try {
    await client.connect();
    const { rows } = await client.query<{ data_directory: string }>("show data_directory");
    return rows[0]?.data_directory === dataDir;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

async function ensureDatabase(port: number, password: string): Promise<void> {
  const client = connectionTo(port, password, "postgres");
  try {
    await client.connect();
    const { rowCount } = await client.query("select 1 from pg_database where datname = $1", [databaseName]);
    if (rowCount === 0) {
      // security: no-raw-sql-of-values because CREATE DATABASE takes no parameters; the name is quoted
      await client.query(`create database ${pg.escapeIdentifier(databaseName)}`);
    }
  } finally {
    await client.end().catch(() => {});
  }
}

/** Keeps the server running until it is stopped on purpose. */
function supervise(
  first: ServerProcess,
  adopted: boolean,
  launch: Launch,
  releaseLock: () => void,
): EmbeddedPostgres {
  let server = first;
  let stopping: Promise<void> | undefined;
  let restarting: Promise<void> | undefined;

  const restart = async (): Promise<void> => {
    while (stopping === undefined) {
      launch.log(`the server ${server.pid} ended unexpectedly: starting it again`);
      try {
        server = await startWithRetry(launch, first.port);
        watch();
        return;
      } catch (error) {
        launch.log(`the server did not start again: ${coerceError(error).message}`);
        await sleep(4 * retryDelayMs);
      }
    }
  };
  const watch = (): void => {
    void server.gone.then(() => {
      if (stopping === undefined) {
        restarting = restart();
      }
    });
  };
  const stopAll = async (): Promise<void> => {
    await restarting;
    await server.stop();
    releaseLock();
  };
  watch();

  const address = new URL(`postgres://127.0.0.1:${first.port}/${databaseName}?sslmode=disable`);
  address.username = superuser;
  address.password = launch.password;
  return {
    url: address.href,
    port: first.port,
    dataDir: launch.dataDir,
    get pid() {
      return server.pid;
    },
    adopted,
    stop: () => {
      stopping ??= Promise.resolve().then(stopAll);
      return stopping;
    },
  };
}
