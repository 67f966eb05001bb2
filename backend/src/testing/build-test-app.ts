import { readFile } from "node:fs/promises";
import { type Clock, createLogger, type Logger, systemClock } from "@agentvine/kit";
import { createDatabase, ensureTemplate, type TestDatabase, tempDir } from "@agentvine/testkit";
import { type App, type AppLimits, buildApp, publicUrlOf } from "../app.ts";
import { type BackendConfig, readConfig } from "../config.ts";
import { type Database, type DatabaseOptions, openDatabase } from "../database/client.ts";
import { migrateDatabase } from "../database/migrate.ts";
import { type Notifications, openNotifications } from "../database/notifications.ts";

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
  /** Over how long rates are averaged. */
  rateWindowSeconds?: number;
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
  const [testDatabase, home] = await Promise.all([createMigratedDatabase(), tempDir("agentvine-test-home-")]);
  const config: BackendConfig = {
    ...readConfig({ AGENTVINE_HOME: home.path, DATABASE_URL: testDatabase.url, AGENTVINE_PORT: "0" }),
    // Tests of the chores switch them on.
    runsChores: false,
    // A test may send as much as it likes; the tests of the limits switch them on.
    ratesPerSecond: { reads: 0, writes: 0, worker: 0, open: 0, refused: 0 },
    ...options.config,
  };
  const url = (await options.through?.(testDatabase.url)) ?? testDatabase.url;
  const database = openDatabase({
    url,
    connectionsMax: config.databaseConnections,
    ...options.database,
  });
  const notifications = openNotifications({ database, logger });
  const app = await buildApp({
    ...{ config, logger, clock, database, notifications },
    ...(options.rateWindowSeconds === undefined ? {} : { rateWindowSeconds: options.rateWindowSeconds }),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  });
  options.prepare?.(app);
  await Promise.all([app.server.listen({ host: config.host, port: config.port }), notifications.listening()]);
  const serverUrl = publicUrlOf(config, app.server);
  const token = app.local.token;

  async function close(): Promise<void> {
    await app.server.close();
    await app.background.stop();
    await notifications.close();
    await database.close();
    await Promise.all([testDatabase.drop(), home[Symbol.asyncDispose]()]);
  }
  return {
    ...app,
    url: serverUrl,
    token,
    workerKey: (await readFile(app.local.workerKeyFile, "utf8")).trim(),
    config,
    database,
    databaseUrl: testDatabase.url,
    notifications,
    home: home.path,
    request: (method, path, request) => sendRequest(serverUrl, token, method, path, request),
    close,
    [Symbol.asyncDispose]: close,
  };
}

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
