import type { NodePgDatabase } from "drizzle-orm/node-postgres";
import type * as schema from "./schema/index.ts";

/** The database, over a pool of connections. */
export type Db = NodePgDatabase<typeof schema>;
/** A transaction; everything written through it is committed or rolled back as one. */
export type Tx = Parameters<Parameters<Db["transaction"]>[0]>[0];
