import { readFile } from "node:fs/promises";
import { type Clock, createLogger, type Logger, systemClock } from "@agentvine/kit";
import { createDatabase, ensureTemplate, type TestDatabase, tempDir } from "@agentvine/testkit";
import { type App, type AppLimits, buildApp, publicUrlOf } from "../app.ts";
import { type BackendConfig, readConfig } from "../config.ts";
import { type Database, type DatabaseOptions, openDatabase } from "../database/client.ts";
import { migrateDatabase } from "../database/migrate.ts";
import { type Notifications, openNotifications } from "../database/notifications.ts";
import { openSecrets } from "../modules/secrets/index.ts";
import { openRedis } from "../process.ts";

export interface TestRequest {
  /** JSON body. */
  body?: unknown;
  /** Bearer token; the local user's unless told, null for none. */
  token?: string | null;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export interface TestResponse<T = unknown> {
  status: number;
  headers: Headers;
  /** Parsed JSON; undefined without a body. */
  body: T;
}

/** A running backend over a database of its own. */
export interface TestApp extends App, AsyncDisposable {
  /** Address it listens on. */
  url: string;
  /** Token of the local user. */
  token: string;
  /** Key of a worker of this machine. */
  workerKey: string;
  config: BackendConfig;
  database: Database;
  databaseUrl: string;
  notifications: Notifications;
  home: string;
  /** Sends a JSON request as the local user (unless told) and reads the JSON answer. */
  request<T = unknown>(method: string, path: string, options?: TestRequest): Promise<TestResponse<T>>;
  close(): Promise<void>;
}

export interface TestAppOptions {
  clock?: Clock;
  config?: Partial<BackendConfig>;
  logger?: Logger;
  /** Makes another backend of the same installation, on its database and home; closed before it. */
  beside?: TestApp;
  /** Leads the connections of the backend through something, a proxy say; gets the database's address and returns the one to use. */
  through?: (url: string) => Promise<string>;
  /** Limits and time-outs of the database connections. */
  database?: Partial<DatabaseOptions>;
  limits?: AppLimits;
  /** Called with the app before it listens, to register routes of a test. */
  prepare?: (app: App) => void;
}

/** Name of the database that has all migrations; made once for the run. */
const migratedTemplate = () => ensureTemplate("agentvine_migrated", migrateDatabase);

/** An empty, migrated database. */
export async function createMigratedDatabase(): Promise<TestDatabase> {
  return await createDatabase({ template: await migratedTemplate() });
}

/**
 * Starts a backend with everything real but its clock: PostgreSQL, HTTP on a free port, files in a temporary home. Close it, or use
 * `await using`.
 */
export async function buildTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const { clock = systemClock, logger = createLogger({ name: "test", level: "silent" }) } = options;
  const place = options.beside === undefined ? await newPlace() : placeOf(options.beside);
  const config: BackendConfig = {
    ...readConfig({ AGENTVINE_HOME: place.home, DATABASE_URL: place.databaseUrl, AGENTVINE_PORT: "0" }),
    // Tests of the chores switch them on.
    runsChores: false,
    // Workers of tests have no sandbox, and nobody sits there to allow what they do.
    policy: "no-sandbox",
    // A test may send as much as it likes; the tests of the limits switch them on.
    ratesPerSecond: { reads: 0, writes: 0, worker: 0, open: 0, refused: 0, credentials: 0 },
    ...options.config,
  };
  const url = (await options.through?.(place.databaseUrl)) ?? place.databaseUrl;
  const database = openDatabase({
    url,
    connectionsMax: config.databaseConnections,
    ...options.database,
  });
  const secrets = await openSecrets({ db: database.db, source: config, logger });
  const redis = await openRedis(config, secrets, logger);
  const notifications = openNotifications({ database, redis, logger });
  const app = await buildApp({
    ...{ config, logger, clock, database, secrets, notifications, redis },
    // Nobody outside is asked.
    limits: { lookUpHost: async () => [{ address: "93.184.216.34" }], ...options.limits },
  });
  options.prepare?.(app);
  await Promise.all([app.server.listen({ host: config.host, port: config.port }), notifications.listening()]);
  const serverUrl = publicUrlOf({ ...config, publicUrl: undefined }, app.server);
  const token = app.local.token;

  async function close(): Promise<void> {
    await app.server.close();
    await app.background.stop();
    await notifications.close();
    redis?.close();
    await database.close();
    await place.remove();
  }
  return {
    ...app,
    url: serverUrl,
    token,
    workerKey: (await readFile(app.local.workerKeyFile, "utf8")).trim(),
    config,
    database,
    databaseUrl: place.databaseUrl,
    notifications,
    home: place.home,
    request: (method, path, request) => sendRequest(serverUrl, token, method, path, request),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Where an installation keeps everything. */
interface Place {
  databaseUrl: string;
  home: string;
  remove(): Promise<void>;
}

async function newPlace(): Promise<Place> {
  const [database, home] = await Promise.all([createMigratedDatabase(), tempDir("agentvine-test-home-")]);
  return {
    databaseUrl: database.url,
    home: home.path,
    remove: async () => {
      await Promise.all([database.drop(), home[Symbol.asyncDispose]()]);
    },
  };
}

const placeOf = ({ databaseUrl, home }: TestApp): Place => ({ databaseUrl, home, remove: async () => {} });

async function sendRequest<T>(
  url: string,
  localToken: string,
  method: string,
  path: string,
  { body, token = localToken, headers = {}, signal }: TestRequest = {},
): Promise<TestResponse<T>> {
  const response = await fetch(new URL(path, url), {
    method,
    redirect: "manual",
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json") ?? false;
  return {
    status: response.status,
    headers: response.headers,
    body: (isJson ? JSON.parse(text) : text === "" ? undefined : text) as T,
  };
}
