export { type ResolveClusterDirOptions, resolveClusterDir } from "./cluster-directory.ts";
export {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
  unsafeFastSettings,
} from "./embedded-postgres.ts";
