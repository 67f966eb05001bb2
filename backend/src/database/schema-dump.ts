import { sql } from "drizzle-orm";
import type { Db } from "./client.ts";

/**
 * The schema as SQL text in a stable order, read from the system catalog: what a reviewer compares when migrations change. It
 * documents; it is not meant to be run.
 */
export async function dumpSchema(db: Db): Promise<string> {
  const tables = await db.execute<{ name: string; body: string }>(sql`
    select t.relname as name,
      (select string_agg(format('  %I %s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
          case when a.attnotnull then ' not null' else '' end,
          case when a.attidentity = 'a' then ' generated always as identity'
            when d.adbin is not null then ' default ' || pg_get_expr(d.adbin, d.adrelid) else '' end), E',\n' order by a.attnum)
        from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped) as body
    from pg_class t where t.relkind = 'r' and t.relnamespace = 'public'::regnamespace
    order by t.relname collate "C"`);
  // PostgreSQL 18 lists NOT NULL as constraints; they stand at the columns already.
  const constraints = await db.execute<{ name: string; definition: string }>(sql`
    select t.relname as name, format('  constraint %I %s', c.conname, pg_get_constraintdef(c.oid)) as definition
    from pg_constraint c join pg_class t on t.oid = c.conrelid
    where t.relnamespace = 'public'::regnamespace and c.contype <> 'n'
    order by t.relname collate "C", c.contype, c.conname collate "C"`);
  const indexes = await db.execute<{ name: string; definition: string }>(sql`
    select tablename as name, indexdef || ';' as definition from pg_indexes
    where schemaname = 'public' and not exists (
      select from pg_constraint c where c.conname = indexname and c.connamespace = 'public'::regnamespace)
    order by tablename collate "C", indexname collate "C"`);
  const of = (rows: { name: string; definition: string }[], table: string) =>
    rows.filter(({ name }) => name === table).map(({ definition }) => definition);
  return tables.rows
    .map(({ name, body }) => {
      const inside = [body, ...of(constraints.rows, name)].join(",\n");
      return `create table ${name} (\n${inside}\n);\n${of(indexes.rows, name)
        .map((line) => `${line}\n`)
        .join("")}`;
    })
    .join("\n");
}
