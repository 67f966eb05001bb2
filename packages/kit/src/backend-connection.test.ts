import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { createTestCa, type TestCa, type TestCertificate, useTempDir } from "@agentvine/testkit";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { connectBackend, isLoopback } from "./backend-connection.ts";

const directory = useTempDir();
let ca: TestCa;
beforeAll(async () => {
  ca = await createTestCa();
});

const connect = (serverUrl: string, allowsPlainHttp = false) =>
  connectBackend({ serverUrl, caFile: undefined, allowsPlainHttp });

describe("plain http", () => {
  it.each([
    "http://192.0.2.1:7420",
    "http://backend:7420",
    "http://localhost.example.org",
    "http://[2001:db8::1]:80",
  ])("to another machine (%s) is refused with what to do, unless it is allowed", (url) => {
    expect(() => connect(url)).toThrow(/Use https, or set AGENTVINE_ALLOW_PLAIN_HTTP=true/);
    expect(connect(url, true)).toEqual({ baseUrl: url });
  });

  it("refused never shows a password that stands in the address", () => {
    expect(() => connect("http://user:hunter2@192.0.2.1")).toThrow(/^(?!.*hunter2)/);
  });

  it("on this machine is fine: loopback, and addresses of our own", () => {
    const own = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .map(({ address, family }) => (family === "IPv6" ? `[${address.split("%")[0]}]` : address));
    for (const host of ["127.0.0.1", "127.8.0.1", "localhost", "[::1]", ...own])
      expect(connect(`http://${host}:7420`).baseUrl).toContain(host);
  });

  it("is not what https is", () => {
    expect(connect("https://backend.example.org")).toEqual({ baseUrl: "https://backend.example.org" });
  });
});

it("loopback is known by its names and numbers", () => {
  expect(
    ["http://localhost:1", "http://127.0.0.1", "https://127.1.2.3", "http://[::1]:9"].map(isLoopback),
  ).toEqual([...[true, true, true, true]]);
  expect(["http://10.0.0.1", "http://localhost.evil.test", "http://1.127.0.0"].map(isLoopback)).toEqual([
    ...[false, false, false],
  ]);
});

describe("a CA of one's own", () => {
  async function serve(certificate: TestCertificate): Promise<string> {
    const server = createServer(certificate, (_request, response) => response.end("hello"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    return `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }
  async function ask(url: string, trusted: TestCa): Promise<string> {
    const caFile = join(directory(), "ca.pem");
    await writeFile(caFile, trusted.cert);
    const { fetch } = connectBackend({ serverUrl: url, caFile, allowsPlainHttp: false });
    const answer = fetch?.(url, { signal: AbortSignal.timeout(5_000) });
    return (
      (await answer?.then(
        (response) => response.text(),
        (error: Error & { cause?: { code?: string } }) => String(error.cause?.code),
      )) ?? "no fetch"
    );
  }

  it("is trusted, for the names in the certificates it signed", async () => {
    expect(await ask(await serve(await ca.issue(["127.0.0.1"])), ca)).toBe("hello");
    expect(await ask(await serve(await ca.issue(["other.example.org"])), ca)).toBe(
      "ERR_TLS_CERT_ALTNAME_INVALID",
    );
  });

  it("is the only one that is trusted, even when another one has its name", async () => {
    const url = await serve(await ca.issue(["127.0.0.1"]));
    expect(await ask(url, await createTestCa())).toMatch(/UNABLE_TO_VERIFY|CERT_SIGNATURE|SELF_SIGNED/);
  });

  it("does not make a certificate good that has ended", async () => {
    const [notBefore, notAfter] = [new Date(Date.now() - 10_000), new Date(Date.now() - 5_000)];
    expect(await ask(await serve(await ca.issue(["127.0.0.1"], { notBefore, notAfter })), ca)).toBe(
      "CERT_HAS_EXPIRED",
    );
  });

  it("that can't be read, or is none, is told with its file", async () => {
    const file = join(directory(), "none.pem");
    const use = () => connectBackend({ serverUrl: "https://x", caFile: file, allowsPlainHttp: false });
    expect(use).toThrow(/AGENTVINE_CA_FILE: .*none\.pem can't be read/);
    await writeFile(file, "hello");
    expect(use).toThrow(/AGENTVINE_CA_FILE: .*none\.pem holds no certificate. Give a PEM file/);
  });
});
