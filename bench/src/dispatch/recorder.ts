import { AsyncLocalStorage } from "node:async_hooks";
import pg from "pg";

/** A statement as it was sent, with its values. */
export interface SentStatement {
  text: string;
  values: readonly unknown[];
}

interface Query {
  text?: string;
  values?: unknown[];
}

const recording = new AsyncLocalStorage<SentStatement[]>();

/** Notes every statement that is sent while `work` runs, in its order; those of others are left out. */
export async function recordStatements(work: () => Promise<unknown>): Promise<SentStatement[]> {
  const sent: SentStatement[] = [];
  await recording.run(sent, work);
  return sent;
}

/** Lets statements be noted; returns how to stop. */
export function tapDriver(): () => void {
  const original = pg.Client.prototype.query;
  const tapped = function (this: pg.Client, ...args: unknown[]): unknown {
    const [query, values] = args;
    const sent = recording.getStore();
    if (typeof query === "string") {
      sent?.push({ text: query, values: Array.isArray(values) ? values : [] });
    } else if (typeof query === "object" && query !== null && "text" in query) {
      const { text = "", values: own } = query as Query;
      sent?.push({ text, values: own ?? (Array.isArray(values) ? values : []) });
    }
    return Reflect.apply(original, this, args);
  };
  pg.Client.prototype.query = tapped as typeof original;
  return () => {
    pg.Client.prototype.query = original;
  };
}
