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
    AGENTVINE_ACCOUNTS: "invite",
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

test("without accounts nothing that leads others in is taken: no proxy, and no address but this machine's own", () => {
  for (const env of [
    { AGENTVINE_TRUSTED_PROXIES: "127.0.0.1" },
    { AGENTVINE_PUBLIC_URL: "https://vine.example.org" },
    { AGENTVINE_PUBLIC_URL: "http://127.0.0.1.example.org:7420" },
  ]) {
    const [name = ""] = Object.keys(env);
    expect(() => read(env), name).toThrow(
      new RegExp(`${name}: .*set AGENTVINE_ACCOUNTS to closed, invite or open`),
    );
    for (const accounts of ["closed", "invite", "open"])
      expect(read({ ...env, AGENTVINE_ACCOUNTS: accounts }).accounts).toBe(accounts);
  }
  expect(read({ AGENTVINE_PUBLIC_URL: "http://localhost:7421" }).publicUrl).toBe("http://localhost:7421");
  expect(read({ AGENTVINE_CORS_ORIGINS: "https://a.example.org" }).corsOrigins).toHaveLength(1);
});

test("origins are named one by one, as browsers send them", () => {
  const origins = (text: string) => read({ AGENTVINE_CORS_ORIGINS: text }).corsOrigins;
  expect(origins("https://a.example.org, http://localhost:5173,")).toEqual([
    "https://a.example.org",
    "http://localhost:5173",
  ]);
  expect(() => origins("https://*.example.org")).toThrow(/must name each origin in full/);
  expect(() => origins("*")).toThrow(/AGENTVINE_CORS_ORIGINS: must name each origin in full/);
  for (const text of ["null", "https://a.example.org/", "a.example.org", "https://A.example.org", "ftp://a"])
    expect(() => origins(`https://fine.example.org,${text}`), text).toThrow(
      /is no origin: give scheme and host/,
    );
});

test("proxies are named by address or network, and never all of them", () => {
  const proxies = (text: string) =>
    read({ AGENTVINE_ACCOUNTS: "invite", AGENTVINE_TRUSTED_PROXIES: text }).trustedProxies;
  expect(proxies("10.0.0.5, 192.168.0.0/24, ::1, fd00::/8")).toEqual([
    ...["10.0.0.5", "192.168.0.0/24", "::1", "fd00::/8"],
  ]);
  for (const text of ["proxy.example.org", "10.0.0.0/33", "::/200", "1.2.3.4/8/9", "10.0.0.0/", "true"])
    expect(() => proxies(text), text).toThrow(/AGENTVINE_TRUSTED_PROXIES: .* is no address/);
  for (const text of ["0.0.0.0/0", "::/0"]) expect(() => proxies(text)).toThrow(/would trust everybody/);
});

test("a CA of Redis without TLS, and one of a database that is not yours, are told", () => {
  expect(() => read({ REDIS_URL: "redis://cache", REDIS_CA_FILE: "ca.pem" })).toThrow(/begin with rediss:/);
  expect(read({ REDIS_URL: "rediss://cache", REDIS_CA_FILE: "ca.pem" }).redisCaFile).toBe("ca.pem");
  expect(() => read({ AGENTVINE_DATABASE_CA_FILE: "ca.pem" })).toThrow(/set DATABASE_URL/);
});
