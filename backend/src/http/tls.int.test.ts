import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { Agent, request as httpsRequest } from "node:https";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import { Writable } from "node:stream";
import { connect, type TLSSocket } from "node:tls";
import { connectEvents, createClient } from "@agentvine/client";
import { endpoints } from "@agentvine/contracts";
import { connectBackend, createLogger } from "@agentvine/kit";
import { createTestCa, type TestCa, type TestCertificate, useTempDir, waitUntil } from "@agentvine/testkit";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { readConfig } from "../config.ts";
import { startBackend } from "../process.ts";
import { buildTestApp, createMigratedDatabase, type TestApp } from "../testing/build-test-app.ts";
import { openServerTls } from "./server-tls.ts";

const directory = useTempDir();
let ca: TestCa;
let first: TestCertificate;
let second: TestCertificate;
beforeAll(async () => {
  ca = await createTestCa();
  [first, second] = await Promise.all([ca.issue(["127.0.0.1", "localhost"]), ca.issue(["127.0.0.1"])]);
});

const files = () => ({ certFile: join(directory(), "tls.crt"), keyFile: join(directory(), "tls.key") });
async function put({ cert, key }: TestCertificate): Promise<void> {
  const { certFile, keyFile } = files();
  for (const [file, text] of [
    [certFile, cert],
    [keyFile, key],
  ] as const) {
    await writeFile(`${file}.new`, text, { mode: 0o600 });
    await rename(`${file}.new`, file);
  }
}

const told: { level: number; msg: string }[] = [];
const logger = createLogger({
  name: "test",
  level: "info",
  stream: new Writable({
    write: (line, _encoding, done) => {
      told.push(JSON.parse(String(line)));
      done();
    },
  }),
});

async function start(certificate = first): Promise<TestApp> {
  told.splice(0);
  await put(certificate);
  const app = await buildTestApp({ config: { tls: files() }, logger, limits: { tlsLookMs: 20 } });
  onTestFinished(() => app.close());
  return app;
}

interface Answer {
  status: number | undefined;
  headers: NodeJS.Dict<string | string[]>;
  serial: string;
}

async function get(app: TestApp, path: string, agent = new Agent({ ca: ca.cert })): Promise<Answer> {
  const request = httpsRequest(new URL(path, app.url), { agent });
  request.end();
  const [response] = await once(request, "response");
  const serial = (response.socket as TLSSocket).getPeerCertificate().serialNumber;
  response.resume();
  await once(response, "end");
  return { status: response.statusCode, headers: response.headers, serial };
}

describe("with a certificate the server", () => {
  test("speaks https, says so in its address, and keeps browsers to it", async () => {
    const app = await start();
    expect(app.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    const { status, headers } = await get(app, "/health/live");
    expect([status, headers["strict-transport-security"]]).toEqual([200, "max-age=63072000"]);
    expect((await get(app, "/api/v1/tasks")).headers["strict-transport-security"]).toBe("max-age=63072000");
    const { fetch } = trusted(app);
    const link = await createClient({ ...trusted(app), token: app.token }).call(
      endpoints.system.createLocalLink,
    );
    expect(link.url.startsWith(`${app.url}/`)).toBe(true);
    const opened = await fetch?.(link.url, { redirect: "manual" });
    expect(opened?.headers.get("set-cookie")).toMatch(/^agentvine_session=.*; Secure$/);
    expect(opened?.headers.get("set-cookie")?.match(/Secure/g)).toHaveLength(1);
  });

  test("takes TLS 1.2 and 1.3, nothing older and nothing in the clear", async () => {
    const app = await start();
    const port = Number(new URL(app.url).port);
    const shake = async (version: "TLSv1.1" | "TLSv1.2" | "TLSv1.3") => {
      const versions = { minVersion: version, maxVersion: version };
      // Old ciphers allowed on our side, so that it is the server who refuses.
      const ciphers = "DEFAULT@SECLEVEL=0";
      const socket = connect({ port, host: "127.0.0.1", ca: ca.cert, ...versions, ciphers });
      const protocol = await once(socket, "secureConnect").then(
        () => socket.getProtocol(),
        (error: NodeJS.ErrnoException) => error.code,
      );
      socket.destroy();
      return protocol;
    };
    expect(await shake("TLSv1.2")).toBe("TLSv1.2");
    expect(await shake("TLSv1.3")).toBe("TLSv1.3");
    expect(await shake("TLSv1.1")).toMatch(/PROTOCOL_VERSION|NO_PROTOCOLS/);
    const plain = connectTcp(port, "127.0.0.1");
    plain.write("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let text = "";
    plain.on("data", (chunk) => {
      text += String(chunk);
    });
    plain.on("error", () => {});
    await once(plain, "close");
    expect(text).not.toContain("HTTP/1.1");
    expect((await get(app, "/health/live")).status).toBe(200);
  });

  test("carries live connections and long answers as it does in the clear", async () => {
    const app = await start();
    const client = createClient({ ...trusted(app), token: app.token });
    const abort = new AbortController();
    const response = await client.open(endpoints.system.eventStream, {
      query: { after: 0 },
      signal: abort.signal,
    });
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    abort.abort();
    let isLive = false;
    const live = connectEvents({
      ...{ baseUrl: app.url, token: app.token, ca: ca.cert, onItem: () => {} },
      onState: (state) => {
        isLive ||= state.isLive;
      },
    });
    onTestFinished(() => live.close());
    await waitUntil(() => isLive);
  });
});

const trusted = (app: TestApp) => {
  const caFile = join(directory(), "ca.crt");
  // Read when the connection is made.
  writeFileSync(caFile, ca.cert);
  return connectBackend({ serverUrl: app.url, caFile, allowsPlainHttp: false });
};

describe("a certificate that changes on disk", () => {
  test("is given to whoever connects from then on; a connection that stands goes on", async () => {
    const app = await start();
    const kept = new Agent({ ca: ca.cert, keepAlive: true, maxSockets: 1 });
    onTestFinished(() => kept.destroy());
    const before = await get(app, "/health/live", kept);
    await put(second);
    await waitUntil(async () => (await get(app, "/health/live")).serial !== before.serial);
    expect(await get(app, "/health/live", kept)).toMatchObject({ status: 200, serial: before.serial });
    expect(told.filter(({ msg }) => msg === "took the new TLS certificate")).toHaveLength(1);
  });

  test("for one that can't be used changes nothing, is told once, and is made good by one that can", async () => {
    const app = await start();
    const { serial } = await get(app, "/health/live");
    const { certFile } = files();
    await writeFile(certFile, second.cert);
    const faults = () => told.filter(({ msg }) => msg.includes("stays as it was"));
    await waitUntil(() => faults().length > 0);
    expect(faults()[0]?.msg).toMatch(/the key in .*tls\.key is not that of the certificate in .*tls\.crt/);
    expect((await get(app, "/health/live")).serial).toBe(serial);
    await app.tls?.reload();
    expect(faults()).toHaveLength(1);
    await put(second);
    await waitUntil(async () => (await get(app, "/health/live")).serial !== serial);
  });

  test("is looked at at once by SIGHUP", async () => {
    await put(first);
    const database = await createMigratedDatabase();
    const env = {
      AGENTVINE_HOME: join(directory(), "home"),
      DATABASE_URL: database.url,
      AGENTVINE_PORT: "0",
    };
    const { certFile, keyFile } = files();
    const config = readConfig({
      ...env,
      ...{ AGENTVINE_TLS_CERT_FILE: certFile, AGENTVINE_TLS_KEY_FILE: keyFile, AGENTVINE_CHORES: "false" },
    });
    told.splice(0);
    const backend = await startBackend(config, logger);
    onTestFinished(async () => {
      await backend.stop();
      await database.drop();
    });
    expect(backend.ready.url).toMatch(/^https:/);
    await put(second);
    process.emit("SIGHUP");
    await waitUntil(() => told.some(({ msg }) => msg === "took the new TLS certificate"), {
      timeoutMs: 3_000,
    });
    await backend.stop();
    expect(process.listenerCount("SIGHUP")).toBe(0);
  });

  test("is warned of before it ends, and when it has", async () => {
    const dayMs = 86_400_000;
    const ending = async (days: number) => {
      const notBefore = new Date(Date.now() - 100 * dayMs);
      await put(await ca.issue(["localhost"], { notBefore, notAfter: new Date(Date.now() + days * dayMs) }));
      told.splice(0);
      await openServerTls({ ...files(), logger });
      return told.map(({ level, msg }) => `${level} ${msg.replace(files().certFile, "FILE")}`);
    };
    expect(await ending(3.5)).toEqual(["40 The certificate in FILE ends in 3 days: put a new one there"]);
    expect(await ending(-2)).toEqual(["50 The certificate in FILE has ended: put a new one there"]);
    expect(await ending(30)).toEqual([]);
  });
});

describe("what keeps the server from starting is told with file and remedy:", () => {
  const refusal = () =>
    openServerTls({ ...files(), logger }).then(
      () => "",
      (error: Error & { code?: string }) => `${error.code} ${error.message}`,
    );

  test("a file that is not there", async () => {
    await put(first);
    const certFile = join(directory(), "none.crt");
    await expect(openServerTls({ ...files(), certFile, logger })).rejects.toMatchObject({
      code: "config.invalid",
      message: expect.stringMatching(/AGENTVINE_TLS_CERT_FILE: .*none\.crt can't be read .*give a file/),
    });
  });

  test("a certificate that is none", async () => {
    await put({ ...first, cert: "hello" });
    expect(await refusal()).toMatch(
      /^config\.invalid .*AGENTVINE_TLS_CERT_FILE: .*tls\.crt holds no certificate: give/,
    );
  });

  test("a key that is none, without quoting it", async () => {
    await put({ ...first, key: "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n" });
    expect(await refusal()).toMatch(
      /^config\.invalid .*AGENTVINE_TLS_KEY_FILE: .*tls\.key holds no key .*passphrase/,
    );
    expect(await refusal()).not.toContain("c2VjcmV0");
  });

  test("a key of another certificate", async () => {
    await put({ cert: first.cert, key: second.key });
    expect(await refusal()).toMatch(
      /is not that of the certificate in .*: give the two that were made together/,
    );
  });

  test("one file without the other", () => {
    const read = (env: Record<string, string>) => () => readConfig({ AGENTVINE_HOME: directory(), ...env });
    expect(read({ AGENTVINE_TLS_CERT_FILE: "a.pem" })).toThrow(/together with AGENTVINE_TLS_KEY_FILE/);
    expect(read({ AGENTVINE_TLS_KEY_FILE: "a.pem" })).toThrow(/together with AGENTVINE_TLS_KEY_FILE/);
  });
});
