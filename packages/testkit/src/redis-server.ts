import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { Redis } from "ioredis";
import type { TestCertificate } from "./certificates.ts";
import { tempDir } from "./temp-dir.ts";
import { waitUntil } from "./wait-until.ts";

export interface TestRedis {
  url: string;
  /** A connection of the test's own. */
  client: Redis;
  /** SIGKILL: as a crash. What it held is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same port, empty. */
  start(): Promise<void>;
  /** SIGSTOP: it takes connections and commands and answers none, until `resume`. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

/**
 * Where redis-server is; undefined when it is not installed, and then it is told loudly what this file's tests do not show.
 * @param guarantees what is not tested without it, in words
 */
export function findRedisServer(guarantees: string, path = process.env.PATH ?? ""): string | undefined {
  const found = path
    .split(delimiter)
    .map((directory) => join(directory, "redis-server"))
    .find((file) => existsSync(file));
  if (found === undefined) {
    process.stderr.write(`SKIPPED: redis-server is not installed, so this was not tested: ${guarantees}\n`);
  }
  return found;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** Whether this redis-server was built with TLS; when not, it is told what is not tested without it. */
export function redisHasTls(program: string, guarantees: string): boolean {
  // It names the first setting that it does not know, and ends.
  const { stdout, stderr } = spawnSync(program, ["--tls-port", "0", "--no-such-setting", "0"]);
  if (/no-such-setting/.test(`${stdout}${stderr}`)) return true;
  process.stderr.write(`SKIPPED: redis-server has no TLS, so this was not tested: ${guarantees}\n`);
  return false;
}

/** A Redis takes connections over TLS instead of in the clear when it is given this. */
export interface RedisTls extends TestCertificate {
  /** What signed it. */
  ca: string;
}

/** A private Redis on a free port that keeps nothing on disk. */
export async function startRedis(program: string, tls?: RedisTls): Promise<TestRedis> {
  const directory = await tempDir("agentvine-redis-");
  const port = await freePort();
  const client = new Redis(port, "127.0.0.1", {
    ...(tls === undefined ? {} : { tls: { ca: tls.ca } }),
    maxRetriesPerRequest: null,
    retryStrategy: () => 50,
  });
  client.on("error", () => {});
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const place = tls === undefined ? ["--port", String(port)] : await tlsOptions(directory.path, port, tls);
    const options = [...place, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    child = spawn(program, options, { cwd: directory.path, stdio: "ignore" });
    await waitUntil(async () => client.status === "ready" && (await client.ping()) === "PONG");
  }

  async function kill(): Promise<void> {
    const ending = child;
    child = undefined;
    if (ending === undefined) return;
    const exited = new Promise((resolve) => ending.once("exit", resolve));
    ending.kill("SIGKILL");
    await exited;
  }

  await start();
  return {
    url: `${tls === undefined ? "redis" : "rediss"}://127.0.0.1:${port}`,
    client,
    kill,
    start,
    pause: () => void child?.kill("SIGSTOP"),
    resume: () => void child?.kill("SIGCONT"),
    async stop() {
      client.disconnect();
      await kill();
      await directory[Symbol.asyncDispose]();
    },
  };
}

async function tlsOptions(directory: string, port: number, { cert, key, ca }: RedisTls): Promise<string[]> {
  const files = { "tls-cert-file": cert, "tls-key-file": key, "tls-ca-cert-file": ca };
  const named = Object.entries(files).map(async ([name, text]) => {
    const path = join(directory, `${name}.pem`);
    await writeFile(path, text, { mode: 0o600 });
    return [`--${name}`, path];
  });
  const options = ["--port", "0", "--tls-port", String(port), "--tls-auth-clients", "no"];
  return [...options, ...(await Promise.all(named)).flat()];
}
