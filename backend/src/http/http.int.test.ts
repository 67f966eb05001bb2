import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { Readable, Writable } from "node:stream";
import { defineEndpoint, type ErrorResponse } from "@agentvine/contracts";
import { AppError, createLogger, deferred } from "@agentvine/kit";
import { waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { buildTestApp, type TestApp } from "../testing/build-test-app.ts";
import { route } from "./route.ts";

const base = { method: "POST", permission: "tasks:read", tag: "test", summary: "test", status: 200 } as const;
const echo = defineEndpoint({
  ...base,
  path: "/test/echo/:name",
  params: z.object({ name: z.string().max(10) }),
  query: z.object({ page: z.coerce.number().int().min(1).default(1) }),
  body: z.object({
    title: z.string().min(2),
    kind: z.enum(["a", "b"]).default("a"),
    tags: z.array(z.string()).max(2).default([]),
  }),
  response: z.object({ name: z.string(), title: z.string(), page: z.number() }),
});
const broken = defineEndpoint({
  ...base,
  method: "GET",
  path: "/test/broken",
  response: z.object({ id: z.uuid() }),
});
const thrown = defineEndpoint({
  ...base,
  method: "GET",
  path: "/test/thrown",
  query: z.object({ what: z.string() }),
  response: z.object({}),
});
const wait = defineEndpoint({
  ...base,
  method: "GET",
  path: "/test/wait",
  response: z.object({}),
  isEmptyAllowed: true,
});
const upload = defineEndpoint({
  ...base,
  method: "PUT",
  path: "/test/upload",
  rawBodyBytesMax: 100_000,
  response: z.object({ bytes: z.number() }),
});
const restricted = defineEndpoint({
  ...base,
  method: "GET",
  path: "/test/restricted",
  permission: "attempt:write",
  response: z.object({}),
});
const large = defineEndpoint({
  ...base,
  path: "/test/large",
  bodyBytesMax: 3_000_000,
  body: z.object({ texts: z.array(z.string()) }),
  response: z.object({ length: z.number() }),
});

const errors: Record<string, () => unknown> = {
  known: () => new AppError("task.conflict", "It changed.", { data: { status: "queued" } }),
  unknown: () => new Error("password=hunter2 at /secret/path"),
  text: () => "just text",
  nul: () => Object.assign(new Error("invalid byte sequence"), { code: "22021" }),
  slow: () => Object.assign(new Error("canceling statement"), { code: "57014" }),
  full: () => Object.assign(new Error("no space left"), { code: "ENOSPC" }),
  down: () => Object.assign(new Error("terminating connection"), { code: "57P01" }),
};

let app: TestApp;
let lines = "";
let waiting: { signal: AbortSignal }[] = [];

beforeAll(async () => {
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines += String(chunk);
      done();
    },
  });
  app = await buildTestApp({
    logger: createLogger({ name: "test", level: "info", stream }),
    prepare: ({ server }) => {
      route(server, echo, async ({ params, query, body }) => ({
        name: params.name,
        title: body.title,
        page: query.page,
        secret: "must not leave",
      }));
      route(server, broken, async () => ({ id: "no uuid, but secret-value" }));
      route(server, thrown, async ({ query }) => {
        throw errors[query.what]?.();
      });
      route(server, wait, ({ signal }) => {
        waiting.push({ signal });
        return new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason));
        });
      });
      route(server, upload, async ({ rawBody }) => {
        let bytes = 0;
        for await (const chunk of rawBody) {
          bytes += chunk.length;
        }
        return { bytes };
      });
      route(server, restricted, async () => ({}));
      route(server, large, async ({ body }) => ({ length: body.texts.join("").length }));
    },
  });
});
afterAll(() => app.close());

const errorOf = (body: unknown) => (body as ErrorResponse).error;

test("a handler gets parsed input, and only what the response schema names leaves", async () => {
  const { status, body, headers } = await app.request("POST", "/test/echo/ann?page=3", {
    body: { title: "hello" },
  });
  expect(status).toBe(200);
  expect(body).toEqual({ name: "ann", title: "hello", page: 3 });
  expect(headers.get("cache-control")).toBe("no-store");
  expect(headers.get("content-security-policy")).toContain("default-src 'none'");
  expect(headers.get("x-content-type-options")).toBe("nosniff");
});

test("every wrong field is named with what to do, from path, query and body at once", async () => {
  const { status, body } = await app.request("POST", "/test/echo/far-too-long-name?page=0", {
    body: { title: "x", kind: "c", tags: ["a", "b", "c"] },
  });
  expect(status).toBe(400);
  expect(errorOf(body)).toMatchObject({
    code: "request.invalid",
    issues: [
      { path: "name", message: "must hold at most 10 characters" },
      { path: "page", message: "must be at least 1" },
      { path: "title", message: "must hold at least 2 characters" },
      { path: "kind", message: "must be one of a, b" },
      { path: "tags", message: "must hold at most 2 items" },
    ],
  });
  expect(errorOf(body).message).toContain("and 2 more");
});

test("a missing body is told field by field", async () => {
  const { status, body } = await app.request("POST", "/test/echo/ann");
  expect(status).toBe(400);
  expect(errorOf(body).issues).toEqual([{ path: "title", message: "is required: give a string" }]);
});

describe("bodies", () => {
  const send = (contentType: string, body: string) =>
    fetch(`${app.url}/test/echo/ann`, {
      method: "POST",
      headers: { authorization: `Bearer ${app.token}`, "content-type": contentType },
      body,
    });

  test.each(["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"])(
    "%s is refused: only JSON is taken",
    async (contentType) => {
      const response = await send(contentType, "title=hello");
      expect(response.status).toBe(400);
      expect(errorOf(await response.json()).code).toBe("request.unsupported_media_type");
    },
  );

  test.each([
    ["{", "mistake at character 1"],
    ["[", "it ends too early"],
    ['{"title" 1}', "mistake at character"],
    ['{"title": hello}', "no JSON value"],
    ['{"__proto__": {"title": "x"}}', "forbidden property name"],
  ])("malformed JSON %s is told apart", async (text, reason) => {
    const response = await send("application/json", text);
    expect(response.status).toBe(400);
    const error = errorOf(await response.json());
    expect(error.code).toBe("request.malformed");
    expect(error.message).toContain(reason);
  });

  const nested = (levels: number) => `${'{"title":'.repeat(levels)}1${"}".repeat(levels)}`;
  test.each([
    ["levels", nested(65), 400, "request.malformed", /nested more than 64 levels deep, at (title\.){15,}/],
    [
      "items",
      `{"tags":[${"1,".repeat(10_000)}1]}`,
      413,
      "request.too_large",
      /: tags holds more than 10000 items/,
    ],
    [
      "fields",
      `{"a":[{},{${Array.from({ length: 1_001 }, (_, index) => `"f${index}":0`).join()}}]}`,
      413,
      "request.too_large",
      /: a\.1 holds more than 1000 fields/,
    ],
    [
      "characters",
      `{"a":{"b":"${"x".repeat(1_048_577)}"}}`,
      413,
      "request.too_large",
      /: a\.b holds more than 1048576/,
    ],
    [
      "values",
      `[${Array.from({ length: 50 }, () => `[${"1,".repeat(4_500)}1]`).join()}]`,
      413,
      "request.too_large",
      /: the body holds more than 200000 values/,
    ],
    [
      "a long name",
      `{"${"n".repeat(5_000)}":[${"1,".repeat(10_000)}1]}`,
      413,
      "request.too_large",
      /: n{40} holds/,
    ],
  ])("too many %s are refused, and told where they stand", async (_what, text, status, code, place) => {
    const response = await fetch(`${app.url}/test/large`, {
      method: "POST",
      headers: { authorization: `Bearer ${app.token}`, "content-type": "application/json" },
      body: text,
    });
    const error = errorOf(await response.json());
    expect([response.status, error.code]).toEqual([status, code]);
    expect(error.message).toMatch(place);
    expect(error.message.length).toBeLessThan(400);
  });

  test("as much as is allowed of each gets through", async () => {
    const send = (value: unknown) => app.request("POST", "/test/large", { body: { texts: [], value } });
    const many = (length: number) => Array.from({ length }, (_, index) => index);
    const fields = Object.fromEntries(many(1_000).map((index) => [`f${index}`, null]));
    for (const value of [many(10_000), fields, "x".repeat(1_048_576), JSON.parse(nested(63))])
      expect((await send(value)).body).toEqual({ length: 0 });
  });

  test("a body above the limit is refused, one below a route's own limit is taken", async () => {
    const big = await app.request("POST", "/test/echo/ann", { body: { title: "x".repeat(1_100_000) } });
    expect(big.status).toBe(413);
    expect(errorOf(big.body).code).toBe("request.too_large");
    for (const megabytes of [10, 40]) {
      const { status } = await send("application/json", `{"title":"${"x".repeat(megabytes * 1_000_000)}"}`);
      expect(status).toBe(413);
    }
    const taken = await app.request("POST", "/test/large", {
      body: { texts: ["x".repeat(1_000_000), "x".repeat(1_000_000)] },
    });
    expect(taken.body).toEqual({ length: 2_000_000 });
  });

  test("raw bytes are streamed, and cut off above the endpoint's size even without a declared length", async () => {
    const put = (body: Buffer | Readable) =>
      fetch(`${app.url}/test/upload`, {
        method: "PUT",
        headers: { authorization: `Bearer ${app.token}`, "content-type": "application/json" },
        body: Buffer.isBuffer(body) ? new Uint8Array(body) : (Readable.toWeb(body) as ReadableStream),
        duplex: "half",
      } as RequestInit);
    expect(await (await put(Buffer.alloc(90_000))).json()).toEqual({ bytes: 90_000 });
    const declared = await put(Buffer.alloc(100_001));
    expect(declared.status).toBe(413);
    expect(errorOf(await declared.json()).data).toEqual({ bytesMax: 100_000 });
    const undeclared = await put(Readable.from([Buffer.alloc(60_000), Buffer.alloc(60_000)]));
    expect(undeclared.status).toBe(413);
  });

  test("an upload that breaks off does not leave its handler waiting", async () => {
    const request = httpRequest(`${app.url}/test/upload`, {
      method: "PUT",
      headers: { authorization: `Bearer ${app.token}`, "content-length": "50000" },
    });
    request.on("error", () => {});
    request.write(Buffer.alloc(10));
    await waitUntil(async () => app.server.http.openRequests.size > 0);
    request.destroy();
    await waitUntil(() => app.server.http.openRequests.size === 0);
  });
});

describe("errors", () => {
  test.each([
    ["known", 409, "task.conflict"],
    ["unknown", 500, "internal.unexpected"],
    ["text", 500, "internal.unexpected"],
    ["nul", 400, "request.invalid"],
    ["slow", 503, "request.timeout"],
    ["full", 503, "storage.full"],
    ["down", 503, "database.unavailable"],
  ])("%s leaves as %d %s", async (what, status, code) => {
    const response = await app.request("GET", `/test/thrown?what=${what}`);
    expect(response.status).toBe(status);
    expect(errorOf(response.body).code).toBe(code);
    expect(response.headers.get("retry-after") !== null).toBe(code === "task.conflict" || status === 503);
    expect(JSON.stringify(response.body)).not.toMatch(/hunter2|secret|stack|at \//);
  });

  test("an answer that breaks its contract is a 500 that shows nothing of it", async () => {
    lines = "";
    const { status, body } = await app.request("GET", "/test/broken");
    expect(status).toBe(500);
    expect(JSON.stringify(body)).not.toContain("secret-value");
    expect(lines).toContain("breaks its contract: The request is not valid: id must be a UUID");
  });

  test("an unknown route and a broken address are told in the same shape", async () => {
    for (const path of ["/nowhere", "/api/v1/tasks/%E0%A4%A", `/test/echo/${"x".repeat(500)}`]) {
      const { status, body } = await app.request("GET", path);
      expect(status).toBe(404);
      expect(errorOf(body).code).toBe("route.not_found");
    }
  });

  test("bytes that are no HTTP get a 400", async () => {
    const socket = connect(Number(new URL(app.url).port), "127.0.0.1");
    socket.write("hello?\r\n\r\n");
    const [data] = await once(socket, "data");
    expect(String(data)).toMatch(/^HTTP\/1.1 400[\s\S]*request\.malformed/);
    socket.destroy();
  });

  test("a bad Idempotency-Key is refused", async () => {
    const { status, body } = await app.request("POST", "/test/echo/ann", {
      body: { title: "hello" },
      headers: { "idempotency-key": "two words" },
    });
    expect(status).toBe(400);
    expect(errorOf(body).issues?.[0]?.path).toBe("Idempotency-Key");
  });
});

describe("request ids", () => {
  test("a given id comes back and stands in the log; a strange one is replaced", async () => {
    lines = "";
    const given = await app.request("GET", "/test/thrown?what=known", {
      headers: { "x-request-id": "abc-1", "x-correlation-id": "work-7" },
    });
    expect(given.headers.get("x-request-id")).toBe("abc-1");
    expect(errorOf(given.body).requestId).toBe("abc-1");
    await waitUntil(() => lines.includes('"correlationId":"work-7"'));
    expect(lines).toContain('"requestId":"abc-1"');
    const strange = await app.request("GET", "/about", { headers: { "x-request-id": "a b<script>" } });
    expect(strange.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("the log holds no token and no query", async () => {
    lines = "";
    await app.request("GET", "/test/thrown?what=unknown&code=sesame");
    await waitUntil(() => lines.includes('"path":"/test/thrown"'));
    expect(lines).not.toContain("sesame");
    expect(lines).not.toContain(app.token);
  });
});

describe("permissions", () => {
  test("a token without the permission is refused before its body is read", async () => {
    const { status, body } = await app.request("GET", "/test/restricted");
    expect(status).toBe(403);
    expect(errorOf(body)).toMatchObject({ code: "auth.forbidden", data: { permission: "attempt:write" } });
  });

  test("without a token nothing but the open routes answers", async () => {
    const { status, body, headers } = await app.request("POST", "/test/echo/ann", {
      token: null,
      body: { title: "x".repeat(2_000_000) },
    });
    expect(status).toBe(401);
    expect(errorOf(body).code).toBe("auth.required");
    expect(headers.get("www-authenticate")).toContain("Bearer");
  });
});

describe("foreign pages", () => {
  const ask = (headers: Record<string, string>, method = "GET") =>
    new Promise<number>((resolve, reject) => {
      const request = httpRequest(
        `${app.url}/health/live`,
        { method, headers, setHost: !("host" in headers) },
        (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        },
      );
      request.on("error", reject).end();
    });

  test.each([
    [{ host: "evil.example" }, 403],
    [{ host: "evil.example:7420" }, 403],
    [{ host: "localhost.evil.example" }, 403],
    [{ host: "127.0.0.1.nip.io" }, 403],
    [{ host: "a b" }, 403],
    [{ host: "localhost:7420" }, 200],
    [{ host: "127.0.0.1" }, 200],
    [{ host: "[::1]:7420" }, 200],
    [{ origin: "https://evil.example" }, 403],
    [{ origin: "null" }, 403],
    [{ origin: "http://127.0.0.1:1" }, 403],
    [{ host: "localhost:7420", origin: "http://localhost:7420" }, 200],
  ])("%j is answered with %d", async (headers, status) => {
    expect(await ask(headers)).toBe(status);
  });

  test("a cross-site request that changes something is refused, a link is not", async () => {
    expect(await ask({ "sec-fetch-site": "cross-site" }, "POST")).toBe(403);
    expect(await ask({ "sec-fetch-site": "cross-site" })).toBe(200);
  });
});

describe("long polls", () => {
  test("end when the client goes away", async () => {
    waiting = [];
    const controller = new AbortController();
    const poll = app
      .request("GET", "/test/wait", { signal: controller.signal })
      .catch((error: Error) => error.name);
    await waitUntil(() => waiting.length === 1);
    controller.abort();
    expect(await poll).toBe("AbortError");
    await waitUntil(() => waiting[0]?.signal.aborted);
    expect(app.server.http.openRequests.size).toBe(0);
  });

  test("are answered with server.stopping when the server stops", async () => {
    const started = deferred<void>();
    await using other = await buildTestApp({
      prepare: ({ server }) => {
        route(server, wait, ({ signal }) => {
          started.resolve();
          return new Promise((_resolve, reject) => {
            signal.addEventListener("abort", () => reject(signal.reason));
          });
        });
      },
    });
    const poll = other.request("GET", "/test/wait");
    await started.promise;
    await other.server.close();
    const { status, body, headers } = await poll;
    expect(status).toBe(503);
    expect(errorOf(body).code).toBe("server.stopping");
    expect(headers.get("retry-after")).not.toBeNull();
  });
});
