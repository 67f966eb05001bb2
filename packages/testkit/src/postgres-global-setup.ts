import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { type EmbeddedPostgres, startEmbeddedPostgres, unsafeFastSettings } from "@agentvine/postgres";
import type { TestProject } from "vitest/node";
import { tempDir } from "./temp-dir.ts";

interface SharedCluster {
  users: number;
  started: Promise<{ server: EmbeddedPostgres; remove: () => Promise<void> }>;
}

// Every project with this global setup gets a copy of the module, but there is one process: the server is shared there.
const shared = globalThis as { agentvineTestCluster?: SharedCluster | undefined };

/** Starts the PostgreSQL that the tests of all projects share. */
export async function setup(project: TestProject): Promise<void> {
  shared.agentvineTestCluster ??= { users: 0, started: startCluster() };
  shared.agentvineTestCluster.users += 1;
  const { server } = await shared.agentvineTestCluster.started;
  project.provide("postgresUrl", server.url);
}

/** Stops it after the last project. */
export async function teardown(): Promise<void> {
  const cluster = shared.agentvineTestCluster;
  if (cluster === undefined) {
    return;
  }
  cluster.users -= 1;
  if (cluster.users === 0) {
    shared.agentvineTestCluster = undefined;
    const { server, remove } = await cluster.started;
    await server.stop();
    await remove();
  }
}

async function startCluster() {
  const dir = await tempDir("agentvine-test-postgres-");
  // As root the server runs under an account of its own, which has to pass through here.
  await chmod(dir.path, 0o755);
  const server = await startEmbeddedPostgres({
    dataDir: join(dir.path, "cluster"),
    settings: { ...unsafeFastSettings, max_connections: "300" },
  });
  return { server, remove: () => dir[Symbol.asyncDispose]() };
}
