import { chmod, chown, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startEmbeddedPostgres, unsafeFastSettings } from "@agentvine/postgres";
import pg from "pg";
import type { TestCertificate } from "./certificates.ts";
import { tempDir } from "./temp-dir.ts";
import { waitUntil } from "./wait-until.ts";

/** A PostgreSQL server of a test's own, which it may kill. */
export interface OwnPostgres {
  /** Superuser address of its database; stays the same over crashes. */
  url: string;
  /** Ends it as `pg_ctl stop -m immediate` does: nothing is saved, the next start recovers. Resolves when the next one runs. */
  crash(): Promise<void>;
  /** From now on it also takes connections over TLS, with this certificate. */
  useTls(certificate: TestCertificate): Promise<void>;
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
    async useTls({ cert, key }) {
      const cluster = join(dir.path, "cluster");
      // The server takes no key that others could read, nor one of another account.
      const { uid, gid } = await stat(cluster);
      for (const [name, text] of [
        ["server.crt", cert],
        ["server.key", key],
      ] as const) {
        await writeFile(join(cluster, name), text, { mode: 0o600 });
        await chown(join(cluster, name), uid, gid);
      }
      const client = new pg.Client(server.url);
      await client.connect();
      try {
        await client.query("alter system set ssl = on");
        await client.query("select pg_reload_conf()");
        await waitUntil(async () => {
          const { rows } = await client.query<{ ssl: string }>("show ssl");
          return rows[0]?.ssl === "on";
        });
      } finally {
        await client.end();
      }
    },
    async stop() {
      await server.stop();
      await dir[Symbol.asyncDispose]();
    },
  };
}
