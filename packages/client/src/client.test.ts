import { endpoints } from "@agentvine/contracts";
import { describe, expect, it } from "vitest";
import { type ApiError, isApiError, parseRetryAfterMs } from "./api-error.ts";
import { createClient, type FinishedCall } from "./client.ts";
import { json, serve } from "./testing/http-server.ts";

const live = { status: "up" };
const id = "01890a5d-ac96-774b-bcce-b302099a8057";

const failureOf = async (call: Promise<unknown>): Promise<ApiError> => {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isApiError(error)) throw new Error(`expected an ApiError, got ${String(error)}`);
  return error;
};

describe("createClient", () => {
  it("sends method, path, query, body, token, request id and idempotency key of a call", async () => {
    const { url, seen } = await serve((_, response) => json(response, 404, {}));
    const client = createClient({ baseUrl: `${url}/`, token: () => "avk_secret" });
    await failureOf(
      client.call(endpoints.tasks.review, {
        params: { taskId: id },
        body: { decision: "approve" },
        idempotencyKey: "key-1",
        requestId: "corr-1",
      }),
    );
    expect(seen[0]).toMatchObject({
      method: "POST",
      url: `/api/v1/tasks/${id}/review`,
      body: '{"decision":"approve"}',
      headers: {
        authorization: "Bearer avk_secret",
        "idempotency-key": "key-1",
        "x-request-id": "corr-1",
        "content-type": "application/json",
      },
    });
  });

  it("joins list filters by commas and leaves out what is not set", async () => {
    const empty = { items: [], total: 0, isTotalExact: true, page: 1, pageSize: 20, pages: 0 };
    const { url, seen } = await serve((_, response) => json(response, 200, empty));
    const client = createClient({ baseUrl: url });
    await client.call(endpoints.tasks.list, {
      query: { status: ["queued", "failed"], search: undefined, page: 2 },
    });
    expect(seen[0]?.url).toBe("/api/v1/tasks?status=queued%2Cfailed&page=2");
    expect(seen[0]?.headers.authorization).toBeUndefined();
  });

  it("lets a call bring its own token", async () => {
    const { url, seen } = await serve((_, response) => json(response, 200, live));
    await createClient({ baseUrl: url, token: "mine" }).call(endpoints.system.live, { token: "avt_attempt" });
    expect(seen[0]?.headers.authorization).toBe("Bearer avt_attempt");
  });

  it("strips fields the contract does not know, so that a newer backend does not break an older worker", async () => {
    const { url } = await serve((_, response) => json(response, 200, { ...live, brandNew: 1 }));
    await expect(createClient({ baseUrl: url }).call(endpoints.system.live)).resolves.toEqual(live);
  });

  it("refuses an answer that breaks the contract and names the field", async () => {
    const { url } = await serve((_, response) => json(response, 200, { status: "sideways" }));
    const error = await failureOf(createClient({ baseUrl: url }).call(endpoints.system.live));
    expect(error.code).toBe("internal.unexpected");
    expect(error.message).toContain("status");
  });

  it("refuses an answer that is no JSON", async () => {
    const { url } = await serve((_, response) => response.end("<html>"));
    expect((await failureOf(createClient({ baseUrl: url }).call(endpoints.system.live))).code).toBe(
      "internal.unexpected",
    );
  });

  it("resolves to undefined where the backend has nothing", async () => {
    const { url } = await serve((_, response) => response.writeHead(204).end());
    const claim = { workerId: id, instanceId: id, taskTypes: ["docs" as const], slots: 1 };
    await expect(
      createClient({ baseUrl: url }).call(endpoints.queue.claim, { body: claim }),
    ).resolves.toBeUndefined();
  });

  it("rebuilds the backend's error with code, issues, data, request id and Retry-After", async () => {
    const body = {
      error: {
        code: "execution.log_offset",
        message: "resend",
        requestId: "r-9",
        issues: [{ path: "offset", message: "too high" }],
        data: { offset: 12 },
      },
    };
    const { url } = await serve((_, response) => json(response, 416, body, { "retry-after": "2" }));
    const error = await failureOf(createClient({ baseUrl: url }).call(endpoints.system.live));
    expect(error).toMatchObject({
      code: "execution.log_offset",
      status: 416,
      retryable: true,
      requestId: "r-9",
      data: { offset: 12 },
      issues: [{ path: "offset", message: "too high" }],
      retryAfterMs: 2_000,
    });
  });

  it.each([
    [401, "auth.invalid", false],
    [403, "auth.forbidden", false],
    [404, "route.not_found", false],
    [418, "request.invalid", false],
    [429, "request.rate_limited", true],
    [500, "internal.unexpected", false],
    [502, "server.unreachable", true],
  ] as const)("gives a %i without our body the code %s", async (status, code, retryable) => {
    const { url } = await serve((_, response) => response.writeHead(status).end("proxy says no"));
    expect(await failureOf(createClient({ baseUrl: url }).call(endpoints.system.live))).toMatchObject({
      code,
      retryable,
    });
  });

  it("keeps the sentence of an error code that only a newer backend knows", async () => {
    const body = { error: { code: "moon.eclipsed", message: "the moon is gone", requestId: "r" } };
    const { url } = await serve((_, response) => json(response, 409, body));
    const error = await failureOf(createClient({ baseUrl: url }).call(endpoints.system.live));
    expect(error.message).toBe("the moon is gone (moon.eclipsed)");
  });

  it("says that the backend can't be reached, retryably, when nothing listens", async () => {
    const error = await failureOf(
      createClient({ baseUrl: "http://127.0.0.1:9" }).call(endpoints.system.live),
    );
    expect(error).toMatchObject({ code: "server.unreachable", retryable: true });
  });

  it.each(["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "CERT_HAS_EXPIRED", "ERR_TLS_CERT_ALTNAME_INVALID"])(
    "says of a certificate that is not trusted (%s) what to do, and that trying again is of no use",
    async (code) => {
      const cause = Object.assign(new Error("no"), { code });
      const fetch = () => Promise.reject(new TypeError("fetch failed", { cause }));
      const error = await failureOf(
        createClient({ baseUrl: "https://vine.example.org", fetch }).call(endpoints.system.live),
      );
      expect(error).toMatchObject({ code: "server.untrusted", retryable: false, status: 503 });
      expect(error.message).toMatch(/certificate of https:\/\/vine\.example\.org .*AGENTVINE_CA_FILE/);
    },
  );

  it("gives up a call after its time and says so", async () => {
    const { url } = await serve(() => undefined);
    const error = await failureOf(createClient({ baseUrl: url, timeoutMs: 30 }).call(endpoints.system.live));
    expect(error).toMatchObject({ code: "request.timeout", retryable: true });
  });

  it("rejects with the caller's own reason when the caller aborts", async () => {
    const { url, seen } = await serve(() => controller.abort(new Error("enough")));
    const controller = new AbortController();
    await expect(
      createClient({ baseUrl: url }).call(endpoints.system.live, { signal: controller.signal }),
    ).rejects.toThrow("enough");
    expect(seen).toHaveLength(1);
  });

  it("reports a connection cut in the middle of an answer as unreachable", async () => {
    const { url } = await serve((_, response) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write("{");
      setImmediate(() => response.destroy());
    });
    expect((await failureOf(createClient({ baseUrl: url }).call(endpoints.system.live))).code).toBe(
      "server.unreachable",
    );
  });

  it("tells the observer of every call, also of one that failed", async () => {
    const { url } = await serve((_, response) => json(response, 200, live));
    const calls: FinishedCall[] = [];
    const client = createClient({ baseUrl: url, onCall: (call) => calls.push(call) });
    await client.call(endpoints.system.live);
    const broken = createClient({ baseUrl: "http://127.0.0.1:9", onCall: (call) => calls.push(call) });
    await failureOf(broken.call(endpoints.system.live));
    expect(calls.map((call) => [call.method, call.path, call.status, call.requestId])).toEqual([
      ["GET", "/health/live", 200, "req-1"],
      ["GET", "/health/live", null, null],
    ]);
  });

  it("uploads and downloads bytes unchanged", async () => {
    const bytes = Uint8Array.from({ length: 300 }, (_, index) => index % 256);
    const digest = "a".repeat(64);
    const artifact = {
      id,
      executionId: id,
      taskId: id,
      kind: "bundle",
      name: "out.bundle",
      contentType: "application/octet-stream",
      sizeBytes: 300,
      digest,
      createdAt: "2026-01-01T00:00:00Z",
    };
    const { url, seen } = await serve((request, response) =>
      request.method === "PUT" ? json(response, 201, artifact) : response.end(Buffer.from(bytes)),
    );
    const client = createClient({ baseUrl: url });
    const query = { kind: "bundle" as const, name: "out.bundle", digest };
    await expect(
      client.upload(endpoints.executions.uploadArtifact, { params: { executionId: id }, query, bytes }),
    ).resolves.toMatchObject({ id });
    expect(seen[0]?.headers["content-length"]).toBe("300");
    const back = await client.download(endpoints.executions.downloadArtifact, { params: { artifactId: id } });
    expect(Buffer.from(back).equals(Buffer.from(bytes))).toBe(true);
  });
});

describe("parseRetryAfterMs", () => {
  it.each([
    [null, undefined],
    ["", undefined],
    ["1.5", 1_500],
    ["0", 0],
    ["-5", 0],
    ["1e99", 86_400_000],
    ["Infinity", 86_400_000],
    ["Thu, 01 Jan 1970 00:00:10 GMT", 9_000],
    ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
    ["Fri, 01 Jan 2060 00:00:00 GMT", 86_400_000],
    ["soon", undefined],
  ])("reads %j as %j, by the server's clock and never more than a day", (header, expected) => {
    expect(parseRetryAfterMs(header, "Thu, 01 Jan 1970 00:00:01 GMT")).toBe(expected);
  });

  it("goes by our own clock when the server does not tell its", () => {
    const inAMinute = new Date(Date.now() + 60_000).toUTCString();
    for (const date of [null, "some day"]) {
      expect(parseRetryAfterMs(inAMinute, date)).toBeGreaterThan(50_000);
      expect(parseRetryAfterMs(inAMinute, date)).toBeLessThanOrEqual(60_000);
    }
  });
});
