import { endpoints, errorCodes } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { Validator } from "@seriousme/openapi-schema-validator";
import { afterAll, beforeAll, expect, test } from "vitest";
import { userPermissions } from "../actor.ts";
import { buildTestApp, type TestApp } from "../testing/build-test-app.ts";
import { referencesIn } from "./json-schemas.ts";

interface Operation {
  operationId: string;
  security: object[];
  parameters: { name: string; in: string; required: boolean; schema: object; example?: unknown }[];
  requestBody?: { content: Record<string, { schema?: { $ref?: string }; example?: unknown }> };
  responses: Record<string, { content?: Record<string, { schema: { $ref?: string }; example?: unknown }> }>;
}
interface Document {
  openapi: string;
  info: { description: string };
  paths: Record<string, Record<string, Operation>>;
  components: {
    securitySchemes: Record<string, object>;
    schemas: Record<string, { properties?: Record<string, object>; required?: string[] }>;
  };
}

/** Answers that do not end. */
const streams = ["system.eventStream"];

let app: TestApp;
let document: Document;
beforeAll(async () => {
  app = await buildTestApp();
  document = (await app.request<Document>("GET", "/openapi.json", { token: null })).body;
});
afterAll(() => app.close());

const operations = () => Object.values(document.paths).flatMap((methods) => Object.values(methods));

test("the description is valid OpenAPI 3.1", async () => {
  const result = await new Validator().validate(JSON.parse(JSON.stringify(document)));
  expect(result).toMatchObject({ valid: true });
  expect(document.openapi).toBe("3.1.0");
});

test("it holds every endpoint once, and every error code", () => {
  const declared = Object.entries(endpoints).flatMap(([group, routes]) =>
    Object.keys(routes).map((name) => `${group}.${name}`),
  );
  expect(
    operations()
      .map(({ operationId }) => operationId)
      .sort(),
  ).toEqual(declared.sort());
  for (const code of errorCodes) {
    expect(document.info.description).toContain(`\`${code}\``);
  }
});

test("every JSON body and answer has an example", () => {
  for (const { operationId, requestBody, responses } of operations()) {
    const json = [
      requestBody?.content,
      ...Object.entries(responses).flatMap(([status, r]) => (status === "default" ? [] : [r.content])),
    ]
      .map((content) => content?.["application/json"])
      .filter((content) => content !== undefined);
    for (const content of json) {
      expect(content.example, operationId).toBeDefined();
    }
  }
});

test("nothing is referred to that is not there, and nothing is there in vain", () => {
  const used = new Set(referencesIn(document).filter((name) => !name.startsWith("#")));
  expect([...used].sort()).toEqual(Object.keys(document.components.schemas).sort());
});

test("what may be left out when sending, but always comes back, has two forms", () => {
  const { WorkerCapabilities: got, WorkerCapabilitiesInput: sent } = document.components.schemas;
  expect(got?.required).toContain("labels");
  expect(sent?.required).not.toContain("labels");
  const register = document.paths["/api/v1/workers"]?.post;
  expect(register?.requestBody?.content["application/json"]?.schema?.$ref).toMatch(/WorkerRegister(Input)?$/);
});

test("query parameters tell type, need and form", () => {
  const parameters = document.paths["/api/v1/tasks"]?.get?.parameters ?? [];
  expect(parameters.find(({ name }) => name === "status")).toMatchObject({
    in: "query",
    required: false,
    style: "form",
    explode: false,
    schema: { type: "array" },
    example: "queued,in_progress",
  });
  const wait = document.paths["/api/v1/workers/{workerId}/commands"]?.get?.parameters ?? [];
  expect(Object.fromEntries(wait.map(({ name, required }) => [name, required]))).toEqual({
    workerId: true,
    after: false,
    waitSeconds: false,
    instanceId: true,
  });
  const create = document.paths["/api/v1/tasks"]?.post?.parameters ?? [];
  expect(create.map(({ name }) => name)).toEqual(["Idempotency-Key"]);
});

test("only open endpoints do without a token", () => {
  const open = operations().filter(({ security }) => security.length === 0);
  expect(open.map(({ operationId }) => operationId).sort()).toEqual([
    "auth.forgotPassword",
    "auth.login",
    "auth.register",
    "auth.resetPassword",
    "auth.setUp",
    "auth.verifyEmail",
    "system.about",
    "system.health",
    "system.live",
    "system.openLocalLink",
    "system.ready",
  ]);
});

test("every route names by what one is let in, and lets in by nothing else", async () => {
  expect(Object.keys(document.components.securitySchemes).sort()).toEqual([
    "accessToken",
    "apiKey",
    "attemptToken",
    "browserSession",
    "refreshCookie",
  ]);
  const link = await app.request<{ url: string }>("POST", "/api/v1/local-links");
  const opened = await app.request("GET", link.body.url, { token: null });
  const cookie = opened.headers.get("set-cookie")?.split(";")[0] ?? "";
  const key = await app.request<{ secret: string }>("POST", "/api/v1/api-keys", {
    body: { name: "all", permissions: userPermissions },
  });
  // Of no order that exists: it is known as a token, and that is all that is asked here.
  const attempt = app.auth.issueAttemptToken(newId(), 1);
  const callers: Record<string, { token: string | null; headers?: Record<string, string> }> = {
    nothing: { token: null },
    accessToken: { token: app.token },
    browserSession: { token: null, headers: { cookie } },
    apiKey: { token: key.body.secret },
    attemptToken: { token: attempt },
  };
  const isLetIn = async (method: string, path: string, name: string) => {
    const { status } = await app.request(method.toUpperCase(), path.replaceAll(/\{\w+\}/g, "none"), {
      ...callers[name],
      // Refused before anything happens, and after it is known who asks.
      ...(method === "get" ? {} : { headers: { ...callers[name]?.headers, "idempotency-key": " " } }),
      signal: AbortSignal.timeout(5_000),
    });
    return status !== 401 && status !== 403;
  };
  for (const [path, methods] of Object.entries(document.paths))
    for (const [method, { operationId, security }] of Object.entries(methods)) {
      if (streams.includes(operationId)) continue;
      const named = security
        .flatMap((requirement) => Object.keys(requirement))
        .filter((name) => name in callers);
      const isOpen = security.every(
        (requirement) => !Object.keys(requirement).some((name) => name in callers),
      );
      const asked = isOpen ? Object.keys(callers) : named;
      const found = await Promise.all(
        Object.keys(callers).map(async (name) => ((await isLetIn(method, path, name)) ? name : "")),
      );
      expect([operationId, found.filter((name) => name !== "").sort()]).toEqual([operationId, asked.sort()]);
    }
}, 60_000);

test("bytes and events are described as such", () => {
  const upload = document.paths["/api/v1/executions/{executionId}/artifacts"]?.put;
  expect(Object.keys(upload?.requestBody?.content ?? {})).toEqual(["application/octet-stream"]);
  const stream = document.paths["/api/v1/events/stream"]?.get;
  expect(Object.keys(stream?.responses["200"]?.content ?? {})).toEqual(["text/event-stream"]);
});

test("the page for people comes from our own address, without a script or style inside", async () => {
  const start = await app.request("GET", "/", { token: null });
  expect([start.status, start.headers.get("location")]).toEqual([302, "/docs"]);
  const page = await app.request<string>("GET", "/docs", { token: null });
  expect(page.headers.get("content-security-policy")).toMatch(/script-src 'self';style-src 'self'/);
  expect(page.body).not.toMatch(/<script>|<style|onload=|https?:/);
  const files = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file ?? "");
  expect(files).toHaveLength(4);
  for (const file of files) {
    const { status, headers } = await app.request("GET", file, { token: null });
    expect([file, status]).toEqual([file, 200]);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
  }
});

test("nothing else of the disk is served there", async () => {
  for (const file of ["package.json", "index.html", "..%2fpackage.json", "%2e%2e%2findex.js", "__proto__"]) {
    expect((await app.request("GET", `/docs/${file}`, { token: null })).status).toBe(404);
  }
});
