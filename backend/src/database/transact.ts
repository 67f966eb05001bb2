import type pg from "pg";

import { collectWakes, notify, type Wake } from "./commit-wakes.ts";
import type { Db, Tx } from "./handles.ts";
import { connectRunner } from "./prepared.ts";

/**
 * A handle of its own for each transaction, over the builder that is bound to its connection: what is kept for one must not be found
 * by the next. A transaction within it is a savepoint; what it tells others is told with the outer one, or never.
 */
function handleOf(parent: object, client: pg.PoolClient, depth: number): { tx: Tx; wakes: readonly Wake[] } {
  const tx = Object.create(parent) as Tx;
  const wakes = collectWakes(tx);
  connectRunner(tx, client);
  tx.transaction = async (work) => {
    const inner = handleOf(tx, client, depth + 1);
    const savepoint = `nested_${depth}`;
    // security: no-raw-sql-of-values because a savepoint is no parameter; its name is ours and a number
    await client.query(`savepoint ${savepoint}`);
    try {
      const result = await work(inner.tx);
      // security: no-raw-sql-of-values because a savepoint is no parameter; its name is ours and a number
      await client.query(`release savepoint ${savepoint}`);
      for (const { channel, ...wake } of inner.wakes) notify(tx, channel, wake);
      return result;
    } catch (error) {
      // security: no-raw-sql-of-values because a savepoint is no parameter; its name is ours and a number
      await client.query(`rollback to savepoint ${savepoint}`).catch(() => {});
      throw error;
    }
  };
  return { tx, wakes };
}

export interface Transacted<T> {
  result: T;
  /** What the committed change tells others. */
  wakes: readonly Wake[];
}

/**
 * Does the work in a transaction of the connection, without the query builder's own begin and commit: they cost more than many
 * statements. `onBroken` is called when not even the rollback came through: the connection must not be used again.
 */
export async function transact<T>(
  client: pg.PoolClient,
  bound: Db,
  work: (tx: Tx) => Promise<T>,
  onBroken: () => void,
): Promise<Transacted<T>> {
  const { tx, wakes } = handleOf(bound, client, 1);
  await client.query("begin");
  try {
    const result = await work(tx);
    const { command } = await client.query("commit");
    // PostgreSQL says so when a statement had failed and its error was swallowed.
    if (command !== "COMMIT") throw new Error("the transaction was rolled back");
    return { result, wakes };
  } catch (error) {
    await client.query("rollback").catch(onBroken);
    throw error;
  }
}
