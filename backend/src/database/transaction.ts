import { sleep } from "@agentvine/kit";
import { allowHooks, runHooks } from "./before-commit.ts";
import type { Db, Tx } from "./client.ts";
import { isTransient } from "./database-error.ts";

const retriesMax = 3;

/**
 * Runs `work` in a transaction. A serialization failure or a deadlock is tried again, three times at most; `work` may
 * therefore run more than once and must have no effect outside the transaction. What it puts off with `beforeCommit` is done last.
 */
export async function inTransaction<T>(db: Db, work: (tx: Tx) => Promise<T>): Promise<T> {
  for (let retries = 0; ; retries += 1) {
    try {
      return await db.transaction(async (tx) => {
        allowHooks(tx);
        const result = await work(tx);
        await runHooks(tx);
        return result;
      });
    } catch (error) {
      if (retries === retriesMax || !isTransient(error)) {
        throw error;
      }
      await sleep(Math.random() * 20 * 2 ** retries);
    }
  }
}
