import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { useTempDir } from "@agentvine/testkit";
import { expect, test } from "vitest";
import { readConfig } from "./config.ts";

const directory = useTempDir();
const read = (env: Record<string, string> = {}) => readConfig({ AGENTVINE_HOME: directory(), ...env });

test("without any setting everything has a sane value", () => {
  expect(read()).toMatchObject({
    home: directory(),
    port: 7420,
    host: "127.0.0.1",
    allowedHosts: [],
    publicUrl: undefined,
    databaseUrl: undefined,
    redisUrl: undefined,
    leaseSeconds: 60,
    heartbeatSeconds: 15,
    allowsPrivateHosts: false,
    logLevel: "info",
    logFormat: "json",
  });
});

test("names this server may be called by are lower case, with the one of the public address", () => {
  const { allowedHosts } = read({
    AGENTVINE_ALLOWED_HOSTS: "Build.Example.org, other ,,",
    AGENTVINE_PUBLIC_URL: "https://Vine.example.org/",
  });
  expect(allowedHosts).toEqual(["build.example.org", "other", "vine.example.org"]);
});

test("a secret may come from a file", async () => {
  const file = join(directory(), "url");
  await writeFile(file, "postgres://u:p@db/agentvine\n");
  expect(read({ DATABASE_URL_FILE: file }).databaseUrl).toBe("postgres://u:p@db/agentvine");
});

test("all mistakes are told at once, without the values", () => {
  const mistakes = {
    AGENTVINE_PORT: "99999",
    AGENTVINE_DATABASE_CONNECTIONS: "few",
    DATABASE_URL: "mysql://u:hunter2@db",
    REDIS_URL: "db",
    AGENTVINE_PUBLIC_URL: "ftp://x",
    AGENTVINE_LOG_LEVEL: "loud",
    AGENTVINE_LOG_FORMAT: "xml",
    AGENTVINE_ALLOW_PRIVATE_HOSTS: "perhaps",
    AGENTVINE_LEASE_SECONDS: "1.5",
  };
  let error: unknown;
  try {
    read(mistakes);
  } catch (caught) {
    error = caught;
  }
  expect(error).toMatchObject({ code: "config.invalid" });
  for (const name of Object.keys(mistakes)) {
    expect(String(error)).toContain(`${name}: must`);
  }
  expect(String(error)).not.toContain("hunter2");
});

test("a heartbeat that is too rare for its lease is refused", () => {
  expect(() => read({ AGENTVINE_LEASE_SECONDS: "20", AGENTVINE_HEARTBEAT_SECONDS: "11" })).toThrow(
    /AGENTVINE_HEARTBEAT_SECONDS: must be at most half/,
  );
  expect(read({ AGENTVINE_LEASE_SECONDS: "4", AGENTVINE_HEARTBEAT_SECONDS: "2" }).leaseSeconds).toBe(4);
});
