import { drizzle, type NodePgDatabase } from "drizzle-orm/node-postgres";
import pg from "pg";
import { collectWakes, connectOutlet, type Wake } from "./commit-wakes.ts";
import * as schema from "./schema/index.ts";

export type Db = NodePgDatabase<typeof schema>;
/** A transaction; everything written through it is committed or rolled back as one. */
export type Tx = Parameters<Parameters<Db["transaction"]>[0]>[0];

export interface DatabaseOptions {
  url: string;
  /** Connections at most; 20 by default. */
  connectionsMax?: number;
  /** How long a request waits for a connection before it is told that the database is unavailable. */
  connectTimeoutMs?: number;
  /** Told of connections that broke while idle: a restart of PostgreSQL is one line in the log, never a crash. */
  onConnectionError?: (error: Error) => void;
}

export interface Database {
  url: string;
  db: Db;
  pool: pg.Pool;
  /** Calls `handler` with what committed changes tell others; returns how to stop. It must not throw. */
  onWakes(handler: WakeHandler): () => void;
  close(): Promise<void>;
}

type WakeHandler = (wakes: readonly Wake[]) => void;

/** Opens a pool. Connects when first used. */
export function openDatabase({
  url,
  connectionsMax = 20,
  connectTimeoutMs = 5_000,
  onConnectionError = () => {},
}: DatabaseOptions): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max: connectionsMax,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    application_name: "agentvine",
    // Nothing we ask takes so long; a query that does, or a transaction whose holder hangs, must not hold up the others.
    statement_timeout: 30_000,
    idle_in_transaction_session_timeout: 60_000,
  });
  let isClosing = false;
  const report = (error: Error): void => {
    // While we leave, the server may close a connection before we have.
    if (!isClosing) onConnectionError(error);
  };
  // Without both handlers a connection that PostgreSQL closes would end the process.
  pool.on("error", report);
  pool.on("connect", (client) => client.on("error", report));
  const handlers = new Set<WakeHandler>();
  const wake: WakeHandler = (wakes) => {
    for (const handler of handlers) handler(wakes);
  };
  const db = withSafeTransactions(drizzle(pool, { schema }), pool, wake);
  connectOutlet(db, wake);
  return {
    url,
    db,
    pool,
    onWakes: (handler) => {
      handlers.add(handler);
      return () => {
        handlers.delete(handler);
      };
    },
    close: () => {
      isClosing = true;
      return pool.end();
    },
  };
}

/**
 * Drizzle takes a connection for a transaction and, when its `begin` fails, never gives it back: each restart of PostgreSQL
 * would cost a few places of the pool for good. Here it is given back whatever happens; the pool drops a broken one.
 * What the transaction tells others is told once it has committed.
 */
function withSafeTransactions(db: Db, pool: pg.Pool, wake: WakeHandler): Db {
  // Kept per connection, as binding the schema anew costs more than most transactions.
  const bound = new WeakMap<pg.PoolClient, Db>();
  db.transaction = async (work, config) => {
    const client = await pool.connect();
    let wakes: readonly Wake[] = [];
    try {
      const own = bound.get(client) ?? drizzle(client, { schema });
      bound.set(client, own);
      const result = await own.transaction((tx) => {
        wakes = collectWakes(tx);
        return work(tx);
      }, config);
      if (wakes.length > 0) wake(wakes);
      return result;
    } finally {
      client.release();
    }
  };
  return db;
}
