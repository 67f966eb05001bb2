import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startScriptedModel } from "@agentvine/scripted-model";
import { useTempDir } from "@agentvine/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Environment } from "../config.ts";
import { controllerModel } from "./model-probe.ts";
import type { Finding } from "./probe.ts";

const key = "sk-very-secret";
const tempDir = useTempDir();
let model: Awaited<ReturnType<typeof startScriptedModel>>;
beforeAll(async () => {
  model = await startScriptedModel({ apiKey: key });
});
afterAll(() => model.close());

async function look(environment: Environment, fetch = globalThis.fetch): Promise<Finding> {
  const run = async () => undefined;
  const found = await controllerModel({ environment, home: "/nonexistent", port: 1, run, fetch });
  if (!("subject" in found)) throw new Error("one finding was expected");
  expect(JSON.stringify(found)).not.toMatch(/sk-very-secret|hunter2/);
  return found;
}

const at = (baseUrl: string, change: Environment = {}): Environment => ({
  ...{ AGENTVINE_MODEL: "openai-compatible/scripted/demo", AGENTVINE_MODEL_BASE_URL: baseUrl },
  ...{ AGENTVINE_MODEL_API_KEY: key, ...change },
});

test("says that there is none, and what to set", async () => {
  expect(await look({ AGENTVINE_MODEL: "" })).toMatchObject({
    status: "warn",
    detail: expect.stringContaining("goes to a person"),
    remedy: expect.stringContaining("ANTHROPIC_API_KEY"),
  });
});

test("says which model answers where, by a key from a file too", async () => {
  const file = join(tempDir(), "key");
  await writeFile(file, `${key}\n`);
  const environment = at(model.baseUrl, {
    AGENTVINE_MODEL_API_KEY: undefined,
    AGENTVINE_MODEL_API_KEY_FILE: file,
  });
  expect(await look(environment)).toEqual({
    ...{ subject: "controller's model", status: "ok", remedy: "" },
    detail: `openai-compatible/scripted/demo at ${model.url}`,
  });
  expect(model.requests.at(-1)?.headers.authorization).toBe(`Bearer ${key}`);
});

test("says that nobody answers there, and what to check", async () => {
  const closed = await startScriptedModel();
  await closed.close();
  expect(await look(at(`http://user:hunter2@${new URL(closed.url).host}/v1`))).toMatchObject({
    status: "warn",
    detail: expect.stringContaining("can't be reached"),
    remedy: expect.stringContaining("AGENTVINE_MODEL_BASE_URL"),
  });
});

test("says that the key is refused, and that the model is not there", async () => {
  const refuses = async () => new Response("{}", { status: 401 });
  expect(await look({ ANTHROPIC_API_KEY: key }, refuses)).toMatchObject({
    status: "warn",
    detail: expect.stringMatching(/^anthropic\/.+ at https:\/\/api\.anthropic\.com refuses the key$/),
  });
  const renamed = at(model.baseUrl, { AGENTVINE_MODEL: "openai-compatible/other" });
  expect(await look(renamed)).toMatchObject({
    status: "warn",
    detail: expect.stringContaining("no such model"),
  });
});

test("what is set wrongly is named, without values", async () => {
  expect((await look(at("ftp://nowhere"))).detail).toContain("AGENTVINE_MODEL_BASE_URL");
  expect((await look({ AGENTVINE_MODEL: "anthropic/claude" })).detail).toContain("ANTHROPIC_API_KEY");
  expect((await look({ OPENAI_API_KEY_FILE: "/nonexistent/key" })).detail).toContain("OPENAI_API_KEY_FILE");
});
