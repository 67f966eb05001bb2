import { eq, sql } from "drizzle-orm";
import type { Db, Tx } from "../../database/client.ts";
import { lockKey } from "../../database/key-lock.ts";
import { settings } from "../../database/schema/index.ts";
import { type SealedColumn, sealedColumns } from "./sealed-places.ts";

// The one place that reads and writes columns of other modules: only the sealing of their values, never what they say.

export interface StoredValue {
  value: string;
  /** Of the columns that the value is bound to. */
  boundTo: (string | null)[];
}

const name = (text: string) => sql.identifier(text);
const textOf = ({ column, isJson }: SealedColumn) =>
  isJson === true ? sql`(${name(column)} #>> '{}')` : sql`${name(column)}`;
const chosen = ({ where }: SealedColumn) => sql.raw(where === undefined ? "true" : `(${where})`);
const sealedPattern = "^avs1[.][0-9a-f]{16}[.]";

const readValues = async (db: Db, column: SealedColumn, condition: ReturnType<typeof sql>) => {
  const bound = column.boundTo.map((one) => sql`${name(one)}::text`);
  const { rows } = await db.execute<{ value: string; bound_to: (string | null)[] }>(sql`
    select ${textOf(column)} as value, array[${sql.join(bound, sql`, `)}] as bound_to
    from ${name(column.table)} where ${chosen(column)} and ${condition}`);
  return rows.map(({ value, bound_to }): StoredValue => ({ value, boundTo: bound_to }));
};

/** Values that a version before wrote down as they are. */
export const readUnsealed = (db: Db, column: SealedColumn): Promise<StoredValue[]> =>
  readValues(db, column, sql`${textOf(column)} !~ ${sealedPattern}`);

/** Values that are sealed with another key than this one. */
export const readSealedOtherwise = (db: Db, column: SealedColumn, keyId: string): Promise<StoredValue[]> =>
  readValues(
    db,
    column,
    sql`${textOf(column)} ~ ${sealedPattern} and ${textOf(column)} not like ${`avs1.${keyId}.%`}`,
  );

/** Puts another text in place of a value that is still the one that was read. False when it is not. */
export async function exchangeValue(
  db: Db,
  column: SealedColumn,
  { value, boundTo }: StoredValue,
  sealed: string,
): Promise<boolean> {
  const next = column.isJson === true ? sql`to_jsonb(${sealed}::text)` : sql`${sealed}`;
  const same = column.boundTo.map(
    (one, index) => sql`${name(one)}::text is not distinct from ${boundTo[index] ?? null}::text`,
  );
  const { rowCount } = await db.execute(sql`
    update ${name(column.table)} set ${name(column.column)} = ${next}
    where ${chosen(column)} and ${textOf(column)} = ${value} and ${sql.join(same, sql` and `)}`);
  return (rowCount ?? 0) > 0;
}

/** How many values are sealed with each key. */
export async function countByKey(db: Db): Promise<Map<string, number>> {
  const parts = sealedColumns.map(
    (column) =>
      sql`select split_part(${textOf(column)}, '.', 2) as id from ${name(column.table)}
        where ${chosen(column)} and ${textOf(column)} ~ ${sealedPattern}`,
  );
  const { rows } = await db.execute<{ id: string; sealed: number }>(
    sql`select id, count(*)::int as sealed from (${sql.join(parts, sql` union all `)}) as sealed group by id order by id`,
  );
  return new Map(rows.map(({ id, sealed }) => [id, sealed]));
}

/** Two backends that change one file of keys at once would lose one of them. */
export const lockMasterKeys = (tx: Tx): Promise<void> => lockKey(tx, "masterKeys", "");

/** The setting as text, which is this one when there was none. */
export async function ensureTextSetting(db: Db, key: string, value: () => string): Promise<string> {
  const find = () => db.select({ value: settings.value }).from(settings).where(eq(settings.key, key));
  let [row] = await find();
  if (row === undefined) {
    await db.insert(settings).values({ key, value: value() }).onConflictDoNothing();
    [row] = await find();
  }
  if (typeof row?.value !== "string") throw new Error(`the setting ${key} is missing`);
  return row.value;
}
