import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { Redis } from "ioredis";
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

/** A private Redis on a free port that keeps nothing on disk. */
export async function startRedis(program: string): Promise<TestRedis> {
  const directory = await tempDir("agentvine-redis-");
  const port = await freePort();
  const client = new Redis(port, "127.0.0.1", { maxRetriesPerRequest: null, retryStrategy: () => 50 });
  client.on("error", () => {});
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const options = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
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
    url: `redis://127.0.0.1:${port}`,
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
