import { randomBytes } from "node:crypto";
import pg from "pg";
import { inject } from "vitest";

declare module "vitest" {
  export interface ProvidedContext {
    /** Superuser address of the PostgreSQL that the whole test run shares. */
    postgresUrl: string;
  }
}

/** The PostgreSQL server that all tests of the run share; a project gets it by the global setup of this package. */
export function testCluster(): { url: string } {
  return { url: inject("postgresUrl") };
}

export interface TestDatabase {
  url: string;
  /** Removes the database and cuts its connections. */
  drop(): Promise<void>;
}

/** A new database of the shared server: empty, or a copy of `template`. Takes about 0.1 s. */
export async function createDatabase(options: { template?: string } = {}): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString("hex")}`;
  const template = options.template ?? "template0";
  await withCluster((client) => createFromTemplate(client, name, template));
  return {
    url: databaseUrl(name),
    drop: () =>
      withCluster(async (client) => {
        await client.query(`drop database if exists ${pg.escapeIdentifier(name)} with (force)`);
      }),
  };
}

/**
 * Makes the database `name` once for the whole test run by calling `prepare` (which migrates it, say) and returns the
 * name for `createDatabase({ template })`. Test files that ask at the same time wait for the first one.
 */
export async function ensureTemplate(name: string, prepare: (url: string) => Promise<void>): Promise<string> {
  await withCluster(async (client) => {
    await client.query("select pg_advisory_lock(hashtext($1))", [name]);
    const found = await client.query("select 1 from pg_database where datname = $1", [name]);
    if (found.rowCount) {
      return;
    }
    // Renamed only when complete: a preparation that fails half-way leaves no template behind.
    const draft = `${name}_draft_${randomBytes(4).toString("hex")}`;
    await createFromTemplate(client, draft, "template0");
    await prepare(databaseUrl(draft));
    await cutConnections(client, draft);
    await client.query(`alter database ${pg.escapeIdentifier(draft)} rename to ${pg.escapeIdentifier(name)}`);
  });
  return name;
}

async function createFromTemplate(client: pg.Client, name: string, template: string): Promise<void> {
  // The server waits 5 s for a connected template to be free; whoever prepared it is done with it.
  await cutConnections(client, template);
  await client.query(
    `create database ${pg.escapeIdentifier(name)} template ${pg.escapeIdentifier(template)}`,
  );
}

async function cutConnections(client: pg.Client, name: string): Promise<void> {
  await client.query("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1", [
    name,
  ]);
}

async function withCluster<T>(use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(testCluster().url);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

function databaseUrl(name: string): string {
  const url = new URL(testCluster().url);
  url.pathname = `/${name}`;
  return url.href;
}
