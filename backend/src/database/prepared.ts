import type pg from "pg";

/** A statement that each connection parses and plans once. */
export interface Statement {
  /** Unique among all statements: a connection keeps its plan under this name. */
  readonly name: string;
  readonly text: string;
}

/** A connection, or whatever finds one for each statement. */
export interface StatementRunner {
  query(statement: pg.QueryConfig): Promise<pg.QueryResult>;
}

/** What runs the statements of a database or a transaction, by its handle. */
const runnerOf = new WeakMap<object, StatementRunner>();

/** Lets prepared statements run on the handle of a database or a transaction. */
export function connectRunner(handle: object, runner: StatementRunner): void {
  runnerOf.set(handle, runner);
}

/**
 * Runs a statement of the hot path on the connection of a transaction, or on any of the pool. Prepared and without the query
 * builder it costs a third. Rows come as the driver reads them: snake_case, moments as Date, bigint as text.
 * @throws Error of the driver
 */
export async function runPrepared<Row extends object>(
  source: object,
  { name, text }: Statement,
  values: readonly unknown[],
): Promise<Row[]> {
  const runner = runnerOf.get(source);
  if (runner === undefined) {
    throw new Error(`${name} needs the handle of a database or of an open transaction`);
  }
  return (await runner.query({ name, text, values: [...values] })).rows;
}
