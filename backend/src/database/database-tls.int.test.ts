import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { createLogger } from "@agentvine/kit";
import {
  createTestCa,
  type OwnPostgres,
  startOwnPostgres,
  type TempDir,
  type TestCa,
  tempDir,
  waitUntil,
} from "@agentvine/testkit";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { readConfig } from "../config.ts";
import { startBackend } from "../process.ts";
import { connectionOptions, secureDatabaseUrl } from "./connection-options.ts";
import { migrateDatabase } from "./migrate.ts";

let directory: TempDir;
let postgres: OwnPostgres;
let ca: TestCa;
let caFile: string;
let otherCaFile: string;
beforeAll(async () => {
  directory = await tempDir("agentvine-database-tls-");
  [caFile, otherCaFile] = [join(directory.path, "ca.pem"), join(directory.path, "other.pem")];
  const [own, other] = await Promise.all([createTestCa(), createTestCa()]);
  ca = own;
  await Promise.all([writeFile(caFile, ca.cert), writeFile(otherCaFile, other.cert)]);
  postgres = await startOwnPostgres();
  await postgres.useTls(await ca.issue(["127.0.0.1"]));
});
afterAll(async () => {
  await postgres?.stop();
  await directory?.[Symbol.asyncDispose]();
});

/** The address of the database with these parameters, by another name of this machine when told. */
function urlWith(parameters: Record<string, string>, host = "127.0.0.1"): string {
  const url = new URL(postgres.url);
  url.hostname = host;
  url.searchParams.delete("sslmode");
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

/** "tls" or "clear", by what the server says of the connection; or why there is none. */
async function connectionBy(url: string | undefined): Promise<string> {
  const client = new pg.Client(connectionOptions(url ?? ""));
  client.on("error", () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ ssl: boolean }>(
      "select ssl from pg_stat_ssl where pid = pg_backend_pid()",
    );
    return rows[0]?.ssl === true ? "tls" : "clear";
  } catch (error) {
    return (error as Error & { code?: string }).code ?? (error as Error).message;
  } finally {
    await client.end().catch(() => {});
  }
}

describe("with its CA given, the database is reached", () => {
  test.each([
    ["by the address its certificate names", {}, "127.0.0.1", "tls"],
    ["so too when the address asks for less", { sslmode: "prefer" }, "127.0.0.1", "tls"],
    ["by no other name", {}, "localhost", "ERR_TLS_CERT_ALTNAME_INVALID"],
    [
      "by another name where the address says that the name does not count",
      { sslmode: "verify-ca" },
      "localhost",
      "tls",
    ],
  ])("%s", async (_what, parameters, host, outcome) => {
    expect(await connectionBy(secureDatabaseUrl(urlWith(parameters, host), caFile))).toBe(outcome);
  });

  test("and no other CA will do, whatever the mode", async () => {
    for (const sslmode of ["require", "verify-ca", "verify-full"])
      expect(await connectionBy(secureDatabaseUrl(urlWith({ sslmode }), otherCaFile))).toMatch(
        /SELF_SIGNED|UNABLE_TO_VERIFY|CERT_SIGNATURE/,
      );
  });

  test("not through a server that passes for it and has no TLS", async () => {
    const server = createServer((socket) => socket.once("data", () => socket.end("N")));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const url = secureDatabaseUrl(`postgresql://u:hunter2@127.0.0.1:${port}/db`, caFile) ?? "";
    const error: Error = await migrateDatabase(url).then(
      () => new Error("it was taken"),
      (reason: Error) => reason,
    );
    expect(error).toMatchObject({ code: "database.unavailable" });
    expect(error.message).toMatch(/does not support SSL connections: switch ssl on at the server/);
    expect(error.message).not.toContain("hunter2");
  });
});

describe("what the address says of TLS counts:", () => {
  test.each([
    ["nothing", {}, "clear"],
    ["disable", { sslmode: "disable" }, "clear"],
    ["no-verify", { sslmode: "no-verify" }, "tls"],
    // With the usual CAs, to which that of the test does not belong.
    ["require", { sslmode: "require" }, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
    ["prefer, which never means in the clear", { sslmode: "prefer" }, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
    ["ssl=true", { ssl: "true" }, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
  ])("%s", async (_what, parameters, outcome) => {
    expect(await connectionBy(urlWith(parameters))).toBe(outcome);
  });

  test("its own root", async () => {
    expect(await connectionBy(urlWith({ sslrootcert: caFile }))).toBe("tls");
    expect(await connectionBy(urlWith({ sslrootcert: caFile, sslmode: "verify-full" }, "localhost"))).toBe(
      "ERR_TLS_CERT_ALTNAME_INVALID",
    );
  });
});

test("every connection of a backend goes over TLS: requests, heartbeats, migrations, notifications, watch, background queue", async () => {
  const env = {
    ...{ AGENTVINE_HOME: join(directory.path, "home"), AGENTVINE_PORT: "0" },
    ...{ DATABASE_URL: urlWith({}), AGENTVINE_DATABASE_CA_FILE: caFile },
  };
  const client = new pg.Client(postgres.url);
  await client.connect();
  onTestFinished(() => client.end());
  const backend = await startBackend(readConfig(env), createLogger({ name: "test", level: "silent" }));
  onTestFinished(() => backend.stop());
  const health = async () => (await fetch(`${backend.ready.url}/health`)).json();
  const names = await waitUntil(
    async () => {
      await health();
      const { rows } = await client.query<{ name: string; ssl: boolean }>(
        `select application_name as name, bool_and(ssl) as ssl from pg_stat_ssl join pg_stat_activity using (pid)
         where application_name like 'agentvine%' group by 1 order by 1`,
      );
      return rows.length >= 4 ? rows : undefined;
    },
    { timeoutMs: 15_000 },
  );
  expect(names).toEqual(
    ["agentvine", "agentvine jobs", "agentvine notifications", "agentvine watch"].map((name) => ({
      name,
      ssl: true,
    })),
  );
}, 60_000);

test("a backend without the CA does not start, and says what to do", async () => {
  const env = { AGENTVINE_HOME: join(directory.path, "home"), AGENTVINE_PORT: "0" };
  const start = (change: Record<string, string>) =>
    startBackend(readConfig({ ...env, ...change }), createLogger({ name: "test", level: "silent" }));
  const url = urlWith({ sslmode: "require" });
  await expect(start({ DATABASE_URL: url })).rejects.toMatchObject({
    code: "database.unavailable",
    message: expect.stringMatching(/certificate is not trusted .*: name the CA .*AGENTVINE_DATABASE_CA_FILE/),
  });
  await expect(
    start({ DATABASE_URL: urlWith({}, "localhost"), AGENTVINE_DATABASE_CA_FILE: caFile }),
  ).rejects.toMatchObject({ message: expect.stringMatching(/a host that the certificate names/) });
});

test("settings that can't hold together, or files that can't be used, are told when they are read", async () => {
  const read = (parameters: Record<string, string>, file?: string) => () =>
    readConfig({
      AGENTVINE_HOME: directory.path,
      DATABASE_URL: urlWith(parameters),
      ...(file === undefined ? {} : { AGENTVINE_DATABASE_CA_FILE: file }),
    });
  expect(read({}, join(directory.path, "none.pem"))).toThrow(
    /AGENTVINE_DATABASE_CA_FILE: .*none\.pem can't be read/,
  );
  const noCertificate = join(directory.path, "text.pem");
  await writeFile(noCertificate, "hello");
  expect(read({}, noCertificate)).toThrow(/holds no certificate: give a PEM file/);
  for (const sslmode of ["disable", "no-verify"])
    expect(read({ sslmode }, caFile)).toThrow(/contradicts sslmode=/);
  expect(read({ sslmode: "full" })).toThrow(/sslmode must be one of disable, no-verify, require, verify-ca/);
  expect(read({ sslrootcert: "/nowhere.pem" })).toThrow(/sslrootcert: \/nowhere\.pem can't be read/);
});
