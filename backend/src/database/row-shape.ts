import { getTableColumns } from "drizzle-orm";
import type { PgTable } from "drizzle-orm/pg-core";

/** How a prepared statement names the columns of a table and how its rows become what the query builder would give. */
export interface RowShape<Row> {
  /** Every column of the table under the alias, each named with the prefix. Never `*`: a plan must outlive a new column. */
  columns(alias: string, prefix?: string): string;
  /** The row of this table within a row of the statement; undefined when an outer join found none. */
  read(row: object, prefix?: string): Row | undefined;
}

/** Columns that the driver reads as text although they hold safe integers. */
const readsAsText = new Set(["PgBigInt53"]);

export function shapeOf<Table extends PgTable>(table: Table): RowShape<Table["$inferSelect"]> {
  const columns = Object.entries(getTableColumns(table)).map(([key, column]) => ({
    key,
    name: column.name,
    isText: readsAsText.has(column.columnType),
  }));
  const identity = columns.find(({ name }) => name === "id") ?? columns[0];
  return {
    columns: (alias, prefix = "") =>
      columns.map(({ name }) => `${alias}.${name} as "${prefix}${name}"`).join(", "),
    read: (row, prefix = "") => {
      const given = row as Record<string, unknown>;
      const id = given[prefix + (identity?.name ?? "")];
      if (id === null || id === undefined) {
        return undefined;
      }
      const read: Record<string, unknown> = {};
      for (const { key, name, isText } of columns) {
        const value = given[prefix + name];
        read[key] = isText && value !== null ? Number(value) : value;
      }
      return read as Table["$inferSelect"];
    },
  };
}
