import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmbeddedPostgres } from "@agentvine/postgres";
import pg from "pg";
import { migrateDatabase } from "../../backend/src/database/migrate.ts";

/** A private PostgreSQL with the settings of the product: every commit is on disk before it counts. */
export interface Cluster {
  /** An empty database with all migrations. */
  createMigrated(): Promise<string>;
  /** An empty database. */
  createEmpty(): Promise<string>;
  /** A copy of a database nobody is connected to. */
  copy(url: string): Promise<string>;
  stop(): Promise<void>;
}

export async function startCluster(): Promise<Cluster> {
  const directory = await mkdtemp(join(tmpdir(), "agentvine-bench-"));
  // As root the server runs under an account of its own, which has to pass through here.
  await chmod(directory, 0o755);
  const server = await startEmbeddedPostgres({
    dataDir: join(directory, "cluster"),
    settings: { max_connections: "200" },
  });
  const withServer = async (text: string): Promise<void> => {
    const client = new pg.Client(server.url);
    await client.connect();
    try {
      await client.query(text);
    } finally {
      await client.end();
    }
  };
  const urlOf = (name: string): string => {
    const url = new URL(server.url);
    url.pathname = `/${name}`;
    return url.href;
  };
  const create = async (template: string): Promise<string> => {
    const name = `bench_${randomBytes(6).toString("hex")}`;
    await withServer(`create database ${name} template ${template}`);
    return urlOf(name);
  };
  await withServer("create database migrated");
  await migrateDatabase(urlOf("migrated"));
  return {
    createMigrated: () => create("migrated"),
    createEmpty: () => create("template0"),
    copy: (url) => create(new URL(url).pathname.slice(1)),
    stop: async () => {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
