import { once } from "node:events";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { connectEvents } from "@agentvine/client";
import { defineEndpoint, type ErrorResponse, eventNamespace } from "@agentvine/contracts";
import { waitUntil } from "@agentvine/testkit";
import { io } from "socket.io-client";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { buildTestApp, type TestApp } from "../testing/build-test-app.ts";
import { route } from "./route.ts";

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

interface Sent {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  /** Our own address of the connection. */
  from?: string;
}

/** Sends it as written: fetch sets Host, Origin and X-Forwarded-For by its own rules. */
async function send({ server }: TestApp, path: string, options: Sent = {}): Promise<Answer> {
  const { method = "GET", headers = {}, body, from } = options;
  const { port } = server.server.address() as AddressInfo;
  const place = { hostname: "127.0.0.1", port, path, method, headers };
  const request = httpRequest({ ...place, ...(from === undefined ? {} : { localAddress: from }) });
  request.end(body);
  const [response] = await once(request, "response");
  let text = "";
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode, headers: response.headers, body: text };
}

const codeOf = ({ body }: Answer) => (JSON.parse(body) as ErrorResponse).error.code;

describe("web pages of other origins", () => {
  const listed = "https://board.example.org";
  const unlisted = [
    "https://evil.example.org",
    "http://board.example.org",
    "https://board.example.org:8443",
    "https://board.example.org.evil.test",
    "https://sub.board.example.org",
    "https://BOARD.example.org",
    "null",
  ];
  let app: TestApp;
  beforeAll(async () => {
    app = await buildTestApp({ config: { corsOrigins: [listed, "https://second.example.org"] } });
  });
  afterAll(() => app.close());
  const bearer = () => ({ authorization: `Bearer ${app.token}` });
  const granted = ({ headers }: Answer) =>
    Object.keys(headers).filter((name) => name.startsWith("access-control-"));
  const preflight = (origin: string, method = "POST") =>
    send(app, "/api/v1/tasks", {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": method,
        "access-control-request-headers": "authorization,content-type,idempotency-key",
        "sec-fetch-site": "cross-site",
      },
    });

  test("that are listed may ask before they send, and read what comes back, errors too", async () => {
    const asked = await preflight(listed);
    expect([asked.status, asked.body]).toEqual([204, ""]);
    expect(asked.headers).toMatchObject({
      "access-control-allow-origin": listed,
      "access-control-allow-credentials": "true",
      "access-control-allow-methods": "GET, POST, PUT, PATCH, DELETE",
      "access-control-allow-headers":
        "Authorization, Content-Type, Idempotency-Key, X-Request-Id, X-Correlation-Id",
      "access-control-max-age": "600",
      vary: "Origin",
    });
    const headers = { ...bearer(), origin: listed, "sec-fetch-site": "cross-site" };
    const list = await send(app, "/api/v1/tasks", { headers });
    expect([list.status, list.headers["access-control-allow-origin"]]).toEqual([200, listed]);
    expect(list.headers["access-control-expose-headers"]).toContain("RateLimit");
    const posted = await send(app, "/api/v1/local-links", { method: "POST", headers });
    expect([posted.status, posted.headers["access-control-allow-origin"]]).toEqual([201, listed]);
    for (const path of ["/api/v1/tasks/none", "/nowhere"]) {
      const refused = await send(app, path, { headers });
      expect(refused.status).toBeGreaterThanOrEqual(400);
      expect(refused.headers["access-control-allow-origin"]).toBe(listed);
    }
    const nobody = await send(app, "/api/v1/tasks", { headers: { origin: listed } });
    expect([nobody.status, nobody.headers["access-control-allow-origin"]]).toEqual([401, listed]);
  });

  test.each(unlisted)("that are not listed (%s) are refused and get no header", async (origin) => {
    const answers = await Promise.all([
      preflight(origin),
      send(app, "/api/v1/tasks", { headers: { ...bearer(), origin } }),
      send(app, "/api/v1/local-links", { method: "POST", headers: { ...bearer(), origin } }),
    ]);
    for (const answer of answers) {
      expect([answer.status, codeOf(answer)]).toEqual([403, "request.origin_refused"]);
      expect(granted(answer)).toEqual([]);
    }
  });

  test("a page that sends no origin, but comes from elsewhere, may read nothing by a write", async () => {
    const headers = { ...bearer(), "sec-fetch-site": "cross-site" };
    const answer = await send(app, "/api/v1/local-links", { method: "POST", headers });
    expect([answer.status, codeOf(answer)]).toEqual([403, "request.origin_refused"]);
  });

  test("our own pages and programs get no such header", async () => {
    for (const headers of [bearer(), { ...bearer(), origin: app.url }]) {
      const answer = await send(app, "/api/v1/tasks", { headers });
      expect([answer.status, granted(answer)]).toEqual([200, []]);
    }
  });

  test("without a list nobody is let in, and OPTIONS is a route like any other that is not there", async () => {
    await using closed = await buildTestApp();
    const answer = await send(closed, "/api/v1/tasks", {
      method: "OPTIONS",
      headers: { "access-control-request-method": "GET" },
    });
    expect([answer.status, codeOf(answer)]).toEqual([404, "route.not_found"]);
    const foreign = await send(closed, "/api/v1/tasks", { headers: { origin: listed } });
    expect([foreign.status, granted(foreign)]).toEqual([403, []]);
  });

  test("live connections are let in from the same origins and from no other", async () => {
    const connectFrom = (origin: string) => {
      const socket = io(new URL(eventNamespace, app.url).href, {
        ...{ transports: ["websocket"], forceNew: true, reconnection: false },
        ...{ auth: { token: app.token }, extraHeaders: { origin } },
      });
      onTestFinished(() => void socket.disconnect());
      return new Promise<boolean>((resolve) => {
        socket.on("connect", () => resolve(true));
        socket.on("connect_error", () => resolve(false));
      });
    };
    expect(await connectFrom(listed)).toBe(true);
    expect(await Promise.all(unlisted.map(connectFrom))).toEqual(unlisted.map(() => false));
    // A program has no origin.
    let isLive = false;
    const program = connectEvents({
      ...{ baseUrl: app.url, token: app.token, onItem: () => {} },
      onState: (state) => {
        isLive ||= state.isLive;
      },
    });
    onTestFinished(() => program.close());
    await waitUntil(() => isLive);
  });
});

describe("behind a proxy", () => {
  const whoami = defineEndpoint({
    ...{ method: "GET", path: "/test/whoami", permission: "public", tag: "test", summary: "test" },
    ...{ status: 200, response: z.object({ ip: z.string(), isSecure: z.boolean() }) },
  });
  const setCookies = defineEndpoint({
    ...{ method: "GET", path: "/test/cookies", permission: "public", tag: "test", summary: "test" },
    ...{ status: 200, response: z.object({}) },
  });
  const start = async (config: Parameters<typeof buildTestApp>[0] = {}) => {
    const app = await buildTestApp({
      ...config,
      prepare: ({ server }) => {
        route(server, whoami, async ({ request: { ip, isSecure } }) => ({ ip, isSecure }));
        route(server, setCookies, async ({ reply }) => {
          void reply.header("set-cookie", ["a=1; HttpOnly", "b=2; Secure; Path=/"]);
          return {};
        });
      },
    });
    onTestFinished(() => app.close());
    return app;
  };
  const seen = async (app: TestApp, headers: Record<string, string>, from?: string) =>
    JSON.parse((await send(app, "/test/whoami", { headers, ...(from === undefined ? {} : { from }) })).body);
  const forwarded = { "x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "https" };

  test("that is named, a caller has the address that the proxy saw, and came by what the proxy says", async () => {
    const app = await start({ config: { trustedProxies: ["127.0.0.1", "10.0.0.0/8"] } });
    expect(await seen(app, forwarded)).toEqual({ ip: "203.0.113.7", isSecure: true });
    expect(await seen(app, { ...forwarded, "x-forwarded-proto": "http" })).toMatchObject({ isSecure: false });
    // Of a chain, the last one that is not ours: what stands before it, anybody may have written there.
    const chain = { "x-forwarded-for": "1.1.1.1, 203.0.113.9, 10.2.3.4" };
    expect(await seen(app, chain)).toMatchObject({ ip: "203.0.113.9" });
    expect(await seen(app, {})).toEqual({ ip: "127.0.0.1", isSecure: false });
  });

  test("from anybody else the headers count for nothing", async () => {
    const app = await start({ config: { trustedProxies: ["127.0.0.2"] } });
    expect(await seen(app, forwarded)).toEqual({ ip: "127.0.0.1", isSecure: false });
    expect(await seen(app, forwarded, "127.0.0.2")).toEqual({ ip: "203.0.113.7", isSecure: true });
    expect(await seen(await start(), forwarded)).toEqual({ ip: "127.0.0.1", isSecure: false });
  });

  test("callers are limited each by their own address, and cannot choose it", async () => {
    const off = { reads: 0, writes: 0, worker: 0, open: 0.1, refused: 0, credentials: 0 };
    const limits = { rateWindowSeconds: 60 };
    const app = await start({ config: { trustedProxies: ["127.0.0.2"], ratesPerSecond: off }, limits });
    const ask = async (client: string, from: string) =>
      (await send(app, "/about", { headers: { "x-forwarded-for": client }, from })).status;
    for (let turn = 0; turn < 6; turn += 1) expect(await ask("203.0.113.1", "127.0.0.2")).toBe(200);
    expect(await ask("203.0.113.1", "127.0.0.2")).toBe(429);
    expect(await ask("203.0.113.2", "127.0.0.2")).toBe(200);
    for (let turn = 0; turn < 6; turn += 1)
      expect(await ask(`203.0.113.${10 + turn}`, "127.0.0.3")).toBe(200);
    expect(await ask("203.0.113.99", "127.0.0.3")).toBe(429);
    // What is no address is no way to be somebody new each time.
    const made = Array.from({ length: 6 }, (_, turn) => ask(`nobody-${turn}`, "127.0.0.2"));
    expect(await Promise.all(made)).toEqual(made.map(() => 200));
    expect(await ask("nobody-99", "127.0.0.2")).toBe(429);
  });

  test("browsers are kept to https exactly where they came by it, and cookies are Secure there", async () => {
    const app = await start({ config: { trustedProxies: ["127.0.0.1"] } });
    const secure = await send(app, "/test/cookies", { headers: forwarded });
    expect(secure.headers["strict-transport-security"]).toBe("max-age=63072000");
    expect(secure.headers["set-cookie"]).toEqual(["a=1; HttpOnly; Secure", "b=2; Secure; Path=/"]);
    const refused = await send(app, "/api/v1/tasks", { headers: forwarded });
    expect([refused.status, refused.headers["strict-transport-security"]]).toEqual([401, "max-age=63072000"]);
    const plain = await send(app, "/test/cookies");
    expect(plain.headers["strict-transport-security"]).toBeUndefined();
    expect(plain.headers["set-cookie"]).toEqual(["a=1; HttpOnly", "b=2; Secure; Path=/"]);
  });

  test("that is not named, the public address tells: who came by it came over TLS", async () => {
    const app = await start({
      config: { publicUrl: "https://vine.example.org", allowedHosts: ["vine.example.org"] },
    });
    expect(await seen(app, { host: "vine.example.org" })).toMatchObject({ isSecure: true });
    expect(await seen(app, {})).toMatchObject({ isSecure: false });
    const http = await start({
      config: { publicUrl: "http://vine.example.org", allowedHosts: ["vine.example.org"] },
    });
    expect(await seen(http, { host: "vine.example.org" })).toMatchObject({ isSecure: false });
  });
});

describe("the headers of an answer", () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await buildTestApp({
      config: { ratesPerSecond: { reads: 0, writes: 0, worker: 0, open: 1, refused: 1, credentials: 0 } },
      limits: { rateWindowSeconds: 60 },
    });
  });
  afterAll(() => app.close());

  /** What differs from answer to answer, and what Node adds. */
  const varying = ["date", "connection", "keep-alive", "content-length", "x-request-id", "transfer-encoding"];
  const fixed = ({ headers }: Answer) =>
    Object.fromEntries(Object.entries(headers).filter(([name]) => !varying.includes(name)));
  const common = {
    "content-security-policy":
      "default-src 'none';script-src 'self';style-src 'self';img-src 'self' data:;font-src 'self';connect-src 'self';form-action 'self';base-uri 'none';frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "origin-agent-cluster": "?1",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-dns-prefetch-control": "off",
    "x-download-options": "noopen",
    "x-frame-options": "DENY",
    "x-permitted-cross-domain-policies": "none",
    "x-xss-protection": "0",
  };
  const json = { "content-type": "application/json; charset=utf-8" };
  const bearer = () => ({ authorization: `Bearer ${app.token}` });
  const post = (body: string, headers: Record<string, string> = {}) => ({
    ...{ method: "POST", body },
    headers: { ...bearer(), "content-type": "application/json", ...headers },
  });
  const challenge = { "www-authenticate": 'Bearer realm="agentvine"' };

  const answers: [string, string, () => Sent, number, Record<string, unknown>][] = [
    ["data", "/api/v1/tasks", () => ({ headers: bearer() }), 200, { ...json, "cache-control": "no-store" }],
    ["health", "/health/live", () => ({}), 200, { ...json, "cache-control": "no-store" }],
    ["a page", "/docs", () => ({}), 200, { "content-type": "text/html; charset=utf-8" }],
    ["a script", "/docs/start.js", () => ({}), 200, { "content-type": "text/javascript; charset=utf-8" }],
    [
      "a file",
      "/docs/swagger-ui.css",
      () => ({}),
      200,
      { "content-type": "text/css; charset=utf-8", "cache-control": "max-age=3600" },
    ],
    ["a redirect", "/", () => ({}), 302, { location: "/docs" }],
    ["a body that is no JSON", "/api/v1/tasks", () => post("{"), 400, json],
    ["a body too large", "/api/v1/tasks", () => post(`"${"x".repeat(1_100_000)}"`), 413, json],
    ["another media type", "/api/v1/tasks", () => post("a=1", { "content-type": "text/plain" }), 400, json],
    ["a missing token", "/api/v1/tasks", () => ({}), 401, { ...json, ...challenge }],
    ["another origin", "/health/live", () => ({ headers: { origin: "https://evil.test" } }), 403, json],
    ["another host", "/health/live", () => ({ headers: { host: "evil.test" } }), 403, json],
    ["a route that is not there", "/nowhere", () => ({}), 404, json],
    ["an address that can't be decoded", "/%ff", () => ({}), 404, json],
    ["a part of the path too long", `/docs/${"x".repeat(300)}`, () => ({}), 404, json],
  ];

  test.each(answers)("%s: these and no others", async (_what, path, sent, status, own) => {
    const answer = await send(app, path, sent());
    expect(answer.status).toBe(status);
    const rates = Object.fromEntries(
      Object.entries(answer.headers).filter(([name]) => name.startsWith("ratelimit")),
    );
    expect(fixed(answer)).toEqual({ ...common, ...own, ...rates });
    expect(answer.headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(JSON.stringify(answer.headers)).not.toMatch(/strict-transport|x-powered-by|fastify/i);
  });

  test("a refusal for asking too often: these, and how long to wait", async () => {
    for (let turn = 0; turn < 60; turn += 1) await send(app, "/about");
    const { headers, status, ...rest } = await send(app, "/about");
    expect(status).toBe(429);
    const seconds = Number(headers["retry-after"]);
    expect(fixed({ headers, status, ...rest })).toEqual({
      ...common,
      ...json,
      "retry-after": String(seconds),
      ratelimit: `"open";r=0;t=${seconds}`,
      "ratelimit-policy": '"open";q=60;w=60',
      "ratelimit-limit": "60",
      "ratelimit-remaining": "0",
      "ratelimit-reset": String(seconds),
    });
  });
});
