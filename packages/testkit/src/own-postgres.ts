import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { startEmbeddedPostgres, unsafeFastSettings } from "@agentvine/postgres";
import { tempDir } from "./temp-dir.ts";
import { waitUntil } from "./wait-until.ts";

/** A PostgreSQL server of a test's own, which it may kill. */
export interface OwnPostgres {
  /** Superuser address of its database; stays the same over crashes. */
  url: string;
  /** Ends it as `pg_ctl stop -m immediate` does: nothing is saved, the next start recovers. Resolves when the next one runs. */
  crash(): Promise<void>;
  stop(): Promise<void>;
}

export async function startOwnPostgres(): Promise<OwnPostgres> {
  const dir = await tempDir("agentvine-own-postgres-");
  // As root the server runs under an account of its own, which has to pass through here.
  await chmod(dir.path, 0o755);
  const server = await startEmbeddedPostgres({
    dataDir: join(dir.path, "cluster"),
    settings: unsafeFastSettings,
  });
  return {
    url: server.url,
    async crash() {
      const { pid } = server;
      process.kill(pid, "SIGQUIT");
      await waitUntil(() => server.pid !== pid, { timeoutMs: 60_000, message: "the server to start again" });
    },
    async stop() {
      await server.stop();
      await dir[Symbol.asyncDispose]();
    },
  };
}
