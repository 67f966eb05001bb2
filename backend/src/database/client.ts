import { drizzle } from "drizzle-orm/node-postgres";
import type pg from "pg";
import { connectOutlet, type Wake } from "./commit-wakes.ts";
import { connectionOptions } from "./connection-options.ts";
import { spoilsConnection } from "./database-error.ts";
import { GuardedPool } from "./guarded-pool.ts";
import type { Db } from "./handles.ts";
import { connectRunner, type StatementRunner } from "./prepared.ts";
import * as schema from "./schema/index.ts";
import { transact } from "./transact.ts";

export type { Db, Tx } from "./handles.ts";

export interface DatabaseOptions {
  url: string;
  /** Connections at most, besides the few that are kept for `vital`; 20 by default. */
  connectionsMax?: number;
  /** How long a request waits for a connection before it is told that the database is busy. */
  connectTimeoutMs?: number;
  /** How long one statement may take. */
  statementTimeoutMs?: number;
  /** How long one statement may wait for a row or table that somebody else holds. */
  lockTimeoutMs?: number;
  /** Told of connections that broke while idle: a restart of PostgreSQL is one line in the log, never a crash. */
  onConnectionError?: (error: Error) => void;
}

export interface Database {
  url: string;
  db: Db;
  pool: GuardedPool;
  /**
   * The same database over connections of its own, for what must get through while all others are in use: who asks, heartbeats,
   * readiness. Short statements only.
   */
  vital: Db;
  vitalPool: GuardedPool;
  /** Calls `handler` with what committed changes tell others; returns how to stop. It must not throw. */
  onWakes(handler: WakeHandler): () => void;
  close(): Promise<void>;
}

type WakeHandler = (wakes: readonly Wake[]) => void;

/** Connections of `vital`. */
const vitalConnections = 4;
/** They hold each other up sooner than all others, so each waits less for a lock. */
const vitalLockTimeoutMs = 3_000;
/** What a statement's time-out may be late by before the connection itself counts as dead. */
const answerSlackMs = 5_000;

/** Opens the pools. Connects when first used. */
export function openDatabase({
  url,
  connectionsMax = 20,
  connectTimeoutMs = 5_000,
  statementTimeoutMs = 30_000,
  lockTimeoutMs = 10_000,
  onConnectionError = () => {},
}: DatabaseOptions): Database {
  let isClosing = false;
  const report = (error: Error): void => {
    // While we leave, the server may close a connection before we have.
    if (!isClosing) onConnectionError(error);
  };
  const openPool = (max: number, lockMsMax: number): GuardedPool => {
    const pool = new GuardedPool({
      ...connectionOptions(url),
      max,
      connectionTimeoutMillis: connectTimeoutMs,
      idleTimeoutMillis: 30_000,
      keepAlive: true,
      application_name: "agentvine",
      // Nothing we ask takes so long; a query that does, one that waits for a lock, or a transaction whose holder hangs, must not hold
      // up the others.
      statement_timeout: statementTimeoutMs,
      lock_timeout: lockMsMax,
      idle_in_transaction_session_timeout: 2 * statementTimeoutMs,
      query_timeout: statementTimeoutMs + answerSlackMs,
    });
    // Without both handlers a connection that PostgreSQL closes would end the process.
    pool.on("error", report);
    pool.on("connect", (client) => client.on("error", report));
    return pool;
  };
  const handlers = new Set<WakeHandler>();
  const wake: WakeHandler = (wakes) => {
    for (const handler of handlers) handler(wakes);
  };
  const handleOf = (pool: GuardedPool): Db => {
    const db = withSafeTransactions(drizzle(pool, { schema }), pool, wake);
    connectOutlet(db, wake);
    connectRunner(db, runnerOf(pool));
    return db;
  };
  const pool = openPool(connectionsMax, lockTimeoutMs);
  const vitalPool = openPool(vitalConnections, Math.min(lockTimeoutMs, vitalLockTimeoutMs));
  return {
    url,
    db: handleOf(pool),
    pool,
    vital: handleOf(vitalPool),
    vitalPool,
    onWakes: (handler) => {
      handlers.add(handler);
      return () => {
        handlers.delete(handler);
      };
    },
    close: async () => {
      isClosing = true;
      await Promise.all([pool.end(), vitalPool.end()]);
    },
  };
}

/** Runs statements on any connection; an error costs the connection, and all plans it keeps, only when it is of no more use. */
const runnerOf = (pool: pg.Pool): StatementRunner => ({
  query: async (statement) => {
    const client = await pool.connect();
    let isSpoilt = false;
    try {
      return await client.query(statement);
    } catch (error) {
      isSpoilt = spoilsConnection(error);
      throw error;
    } finally {
      client.release(isSpoilt);
    }
  },
});

/**
 * Drizzle takes a connection for a transaction and, when its `begin` fails, never gives it back: each restart of PostgreSQL
 * would cost a few places of the pool for good. Here it is given back whatever happens, and dropped when it is of no more use.
 * What the transaction tells others is told once it has committed.
 */
function withSafeTransactions(db: Db, pool: pg.Pool, wake: WakeHandler): Db {
  // Kept per connection, as binding the schema anew costs more than most transactions.
  const bound = new WeakMap<pg.PoolClient, Db>();
  db.transaction = async (work) => {
    const client = await pool.connect();
    let isSpoilt = false;
    try {
      const own = bound.get(client) ?? drizzle(client, { schema });
      bound.set(client, own);
      const { result, wakes } = await transact(client, own, work, () => {
        isSpoilt = true;
      });
      if (wakes.length > 0) wake(wakes);
      return result;
    } catch (error) {
      isSpoilt ||= spoilsConnection(error);
      throw error;
    } finally {
      client.release(isSpoilt);
    }
  };
  return db;
}
