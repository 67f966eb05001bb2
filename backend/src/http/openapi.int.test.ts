import { endpoints, errorCodes } from "@agentvine/contracts";
import { Validator } from "@seriousme/openapi-schema-validator";
import { afterAll, beforeAll, expect, test } from "vitest";
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
  components: { schemas: Record<string, { properties?: Record<string, object>; required?: string[] }> };
}

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
    "system.about",
    "system.health",
    "system.live",
    "system.openLocalLink",
    "system.ready",
  ]);
});

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
