import { chmod, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type EmbeddedPostgres, startEmbeddedPostgres, unsafeFastSettings } from "@agentvine/postgres";
import {
  type BackendProcess,
  commitFiles,
  createRepository,
  findRedisServer,
  git,
  startBackend,
  startRedis,
  type TestRedis,
} from "@agentvine/testkit";
import { sleep } from "./insist.ts";
import { clockEnvironment } from "./member.ts";

export const leaseSeconds = 4;

const startMsMax = 60_000;

const environment = {
  AGENTVINE_LEASE_SECONDS: String(leaseSeconds),
  AGENTVINE_HEARTBEAT_SECONDS: "1",
  AGENTVINE_RETRY_BASE_SECONDS: "0.1",
  AGENTVINE_ALLOW_UNRUNNABLE: "true",
  AGENTVINE_POLICY: "no-sandbox",
  AGENTVINE_LOG_LEVEL: "warn",
};

/** The server side of a run: database, Redis when it is installed, one backend on a fixed port. */
export interface Site {
  readonly postgres: EmbeddedPostgres;
  readonly redis: TestRedis | undefined;
  readonly home: string;
  readonly url: string;
  readonly token: string;
  readonly workerKey: string;
  readonly controllerKey: string;
  readonly backendPid: number;
  /** True while a fault has the backend in its hands. */
  isTaken: boolean;
  killBackend(): Promise<void>;
  /** Starts the backend again, on the same port and data. */
  startBackend(clockOffsetMs?: number): Promise<void>;
  /** The end of what the backend said. */
  backendSaid(): string;
  stop(): Promise<void>;
}

export interface SiteOptions {
  readonly directory: string;
  readonly isFenced: boolean;
  /** What is started can be stopped from here on, also when the rest fails to start. */
  readonly onStarted: (stop: () => Promise<void>) => void;
}

const preload = (name: string): string => `--import=${new URL(`preload/${name}`, import.meta.url).href}`;

function backendEnvironment(isFenced: boolean, clockOffsetMs: number, redisUrl: string | undefined) {
  const clock = clockEnvironment(clockOffsetMs);
  const options = [clock.NODE_OPTIONS, isFenced ? undefined : preload("without-fence.js")].filter(Boolean);
  return {
    ...environment,
    ...clock,
    ...(options.length === 0 ? {} : { NODE_OPTIONS: options.join(" ") }),
    ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl }),
  };
}

export async function startSite({ directory, isFenced, onStarted }: SiteOptions): Promise<Site> {
  const postgres = await startEmbeddedPostgres({
    dataDir: join(directory, "cluster"),
    settings: { ...unsafeFastSettings, max_connections: "60" },
  });
  onStarted(() => postgres.stop());
  const program = findRedisServer("a Redis that is flushed or stopped");
  const redis = program === undefined ? undefined : await startRedis(program);
  if (redis !== undefined) onStarted(() => redis.stop());
  const home = join(directory, "home");
  await mkdir(home, { recursive: true, mode: 0o700 });
  let backend: BackendProcess;
  let port = 0;
  /** As a service manager does: a backend that finds no database at its start ends, and is started again. */
  const start = async (clockOffsetMs = 0): Promise<void> => {
    const env = backendEnvironment(isFenced, clockOffsetMs, redis?.url);
    const untilMs = performance.now() + startMsMax;
    for (;;) {
      try {
        backend = await startBackend({
          databaseUrl: postgres.url,
          home,
          port,
          env,
          startTimeoutMs: startMsMax,
        });
        port = Number(new URL(backend.url).port);
        return;
      } catch (error) {
        const isPassing = error instanceof Error && error.message.includes("database.unavailable");
        if (!isPassing || performance.now() > untilMs) throw error;
        await sleep(300);
      }
    }
  };
  await start();
  onStarted(() => backend.stop());
  // Assigned by the first start.
  const running = (): BackendProcess => backend;
  const keyOf = async (who: string) => (await readFile(join(home, `${who}.key`), "utf8")).trim();
  return {
    postgres,
    redis,
    home,
    url: running().url,
    token: running().token,
    workerKey: await keyOf("worker"),
    controllerKey: await keyOf("controller"),
    get backendPid() {
      return running().pid;
    },
    isTaken: false,
    killBackend: () => running().kill(),
    startBackend: start,
    backendSaid: () => running().stderr(),
    stop: () => running().stop(),
  };
}

/** A bare repository with a README on `main`; returns its path. */
export async function makeRemote(directory: string, name: string): Promise<string> {
  const path = join(directory, `${name}.git`);
  const source = join(directory, `${name}-source`);
  await createRepository(source, { "README.md": "# Sums\n\nAdds numbers.\n" });
  await commitFiles(source, { "sum.js": "export const sum = (a, b) => a + b;\n" }, "feat: add numbers");
  await git(directory, "clone", "--quiet", "--bare", source, path);
  await git(path, "config", "gc.auto", "0");
  await chmod(path, 0o755);
  return path;
}
