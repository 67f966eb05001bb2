import { sql } from "drizzle-orm";

/** What a person is called: the full name, else the user name. @param table `users`, or what the query calls it */
export const personNameSql = (table: string) =>
  // security: no-raw-sql-of-values because it names a table of a statement of ours
  sql.raw(`coalesce(nullif(${table}.full_name, ''), ${table}.username)`);
