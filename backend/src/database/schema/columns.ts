import { newId } from "@agentvine/kit";
import { sql } from "drizzle-orm";
import { type AnyPgColumn, check, customType, jsonb, timestamp, uuid } from "drizzle-orm/pg-core";

/** Primary key: a UUIDv7 made by the process that inserts the row. */
export const idColumn = () => uuid("id").primaryKey().$defaultFn(newId);

/** A moment; JavaScript sees a Date. */
export const momentColumn = (name: string) => timestamp(name, { withTimezone: true, mode: "date" });

/** When the row was made, by database time. */
export const createdAtColumn = (name = "created_at") => momentColumn(name).notNull().defaultNow();

/** When the row last changed; the writer sets it to `now()`. */
export const updatedAtColumn = () => momentColumn("updated_at").notNull().defaultNow();

/** A JSON object that is never null; empty by default. */
export const objectColumn = <T = Record<string, unknown>>(name: string) =>
  jsonb(name).$type<T>().notNull().default(sql`'{}'::jsonb`);

/** Words of a text with their places, for full-text search. */
export const wordsColumn = customType<{ data: string; driverData: string }>({ dataType: () => "tsvector" });

/** The transaction that wrote a row, comparable over the whole life of the cluster. */
export const xidColumn = customType<{ data: string; driverData: string }>({ dataType: () => "xid8" });

/**
 * Restricts a text column to a closed vocabulary. Text and a check instead of a PostgreSQL enum: values can be added in
 * the same transaction that uses them.
 */
export function isOneOf(name: string, column: AnyPgColumn, values: readonly string[]) {
  const list = values.map((value) => `'${value.replaceAll("'", "''")}'`).join(", ");
  return check(name, sql`${column} in (${sql.raw(list)})`);
}
