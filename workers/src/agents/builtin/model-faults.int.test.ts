import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Fault, startScriptedModel } from "@agentvine/scripted-model";
import { useTempDir } from "@agentvine/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  always,
  call,
  done,
  inOrder,
  modelWith,
  prepareTurn,
  quickRetry,
  scriptedTurn,
} from "../testing/scripted-turn.ts";
import { eventsOf } from "../testing/turn-fixture.ts";

const dir = useTempDir();
const read = call("read_file", { path: "a.txt" });

describe("a model that fails for a while", () => {
  test.each<[string, Fault, RegExp]>([
    ["429", { kind: "status", status: 429, retryAfterSeconds: 0 }, /answered 429: rate_limit_error/],
    ["529", { kind: "status", status: 529 }, /answered 529: overloaded_error/],
    ["500", { kind: "status", status: 500 }, /answered 500/],
    ["a broken connection", { kind: "disconnect" }, /broke off/],
    ["an error within the stream", { kind: "stream_error" }, /Overloaded/],
  ])("%s: is asked again, and every retry is told", async (_name, fault, reason) => {
    const model = await modelWith(inOrder(read, done));
    model.inject(fault, 2);
    const { result, events } = await scriptedTurn({ dir: dir(), model });
    expect(result).toMatchObject({ outcome: { kind: "finished" }, steps: 2, toolCalls: 1, modelRetries: 2 });
    expect(eventsOf(events, "model.retried")).toMatchObject([
      { attempt: 1, reason: expect.stringMatching(reason) },
      { attempt: 2, reason: expect.stringMatching(reason) },
    ]);
    expect(eventsOf(events, "message")).toHaveLength(1);
  });

  test("falls silent in the middle of an answer: it is not waited for for ever", async () => {
    const model = await modelWith(inOrder(done));
    model.inject({ kind: "stall" });
    const { result, events } = await scriptedTurn({ dir: dir(), model, config: { streamIdleMs: 1_500 } });
    expect(result.outcome.kind).toBe("finished");
    expect(eventsOf(events, "model.retried")[0]?.reason).toMatch(/nothing came for 2 s/);
  });

  test("is given the time it asks for", async () => {
    const model = await modelWith(inOrder(done));
    model.inject({ kind: "status", status: 429, retryAfterSeconds: 1 });
    const { events } = await scriptedTurn({ dir: dir(), model });
    const delayMs = eventsOf(events, "model.retried")[0]?.delayMs;
    expect(delayMs).toBeGreaterThanOrEqual(1_000);
    expect(delayMs).toBeLessThanOrEqual(2_000);
  });

  test("too often ends the turn as unavailable", async () => {
    const model = await modelWith(inOrder(done));
    model.inject({ kind: "status", status: 529 }, 10);
    const { result, transcripts } = await scriptedTurn({ dir: dir(), model });
    expect(result).toMatchObject({
      outcome: { kind: "model_unavailable", reason: expect.stringContaining("529") },
      modelRetries: quickRetry.attemptsMax - 1,
    });
    // What was done so far is worth keeping for the next attempt.
    expect(transcripts).toHaveLength(1);
  });

  test("and asks for longer than we wait is not waited for: the turn ends and says how long", async () => {
    const model = await modelWith(inOrder(done));
    model.inject({ kind: "status", status: 429, retryAfterSeconds: 3_600 });
    const { result } = await scriptedTurn({ dir: dir(), model });
    expect(result).toMatchObject({
      outcome: { kind: "model_unavailable", retryAfterMs: 3_600_000 },
      modelRetries: 0,
    });
  });

  test("an address nobody listens at is unavailable", async () => {
    const model = await startScriptedModel();
    await model.close();
    const { result } = await scriptedTurn({ dir: dir(), model });
    expect(result.outcome).toMatchObject({
      kind: "model_unavailable",
      reason: expect.stringMatching(/can't be reached/),
    });
  });
});

describe("a provider that refuses", () => {
  test.each<[number, string, RegExp]>([
    [401, "invalid x-api-key", /answered 401: invalid x-api-key \(check the API key\)/],
    [403, "not for you", /403: not for you \(check the API key\)/],
    [404, "model: nope", /404: model: nope \(check the model's name and base URL\)/],
    [400, "tools.0: bad schema", /400: tools\.0: bad schema$/],
    [429, "You exceeded your quota: insufficient_quota", /429: .*insufficient_quota$/],
  ])("with %d fails the turn at once, with the reason", async (status, message, reason) => {
    const model = await modelWith(inOrder(done));
    model.inject({ kind: "status", status, message });
    const { result } = await scriptedTurn({ dir: dir(), model });
    expect(result).toMatchObject({
      outcome: { kind: "failed", reason: expect.stringMatching(reason) },
      modelRetries: 0,
    });
    expect(model.requests).toHaveLength(1);
  });
});

test("a provider that refuses earlier reasoning is sent the conversation without it, once", async () => {
  const refusal = {
    kind: "status",
    status: 400,
    message:
      "messages.1.content.0: Invalid `signature` in `thinking` block. The block is bound to a different conversation.",
  } as const;
  const model = await modelWith(inOrder(done));
  model.inject(refusal);
  expect((await scriptedTurn({ dir: dir(), model })).result.outcome.kind).toBe("finished");
  model.inject(refusal, 2);
  expect((await scriptedTurn({ dir: dir(), model })).result.outcome).toMatchObject({ kind: "failed" });
});

describe("a conversation that grows too long", () => {
  const bigRead = (index: number) =>
    call("run_command", { command: `echo ${index}; yes word | head -n 1500` });
  const manyReads = (count: number) =>
    always(({ phases }) => {
      // Old turns may be gone: the number is in the newest call.
      const command = phases.at(-1)?.turns.at(-1)?.calls.at(-1)?.input.command ?? "";
      const next = Number(/^echo (\d+)/.exec(String(command))?.[1] ?? -1) + 1;
      return next < count ? bigRead(next) : done;
    });

  test("is trimmed before it is sent, and stays one the API accepts", async () => {
    const model = await modelWith(manyReads(12));
    const { result, events } = await scriptedTurn({
      dir: dir(),
      model,
      config: { contextTokensMax: 14_000 },
    });
    expect(result).toMatchObject({ outcome: { kind: "finished" }, toolCalls: 12 });
    expect(eventsOf(events, "context.trimmed").length).toBeGreaterThan(0);
    const sizes = model.requests.map(({ body }) => JSON.stringify(body).length);
    expect(Math.max(...sizes)).toBeLessThan(14_000 * 5);
  });

  test("is trimmed and sent once more when the provider says so", async () => {
    const model = await modelWith(manyReads(6));
    const prepared = await prepareTurn({ dir: dir(), model, config: { contextTokensMax: 40_000 } });
    const { onEvent } = prepared.input;
    Object.assign(prepared.input, {
      onEvent: (event: Parameters<typeof onEvent>[0]) => {
        onEvent(event);
        if (event.type === "step.started" && event.step === 7) {
          model.inject({
            kind: "status",
            status: 400,
            message: "prompt is too long: 210000 tokens > 200000 maximum",
          });
        }
      },
    });
    const result = await prepared.run();
    expect(result.outcome).toEqual({ kind: "finished", summary: "[scripted] done" });
    expect(eventsOf(prepared.events, "context.trimmed")).toHaveLength(1);
  });

  test("fails clearly when there is nothing left to trim", async () => {
    const model = await modelWith(inOrder(done));
    model.inject({ kind: "status", status: 400, message: "prompt is too long" }, 2);
    const { result } = await scriptedTurn({ dir: dir(), model });
    expect(result.outcome).toMatchObject({ kind: "failed", reason: expect.stringContaining("too long") });
  });
});

describe("other providers", () => {
  test.each(["openai/gpt-4o-mini", "openai-compatible/qwen", "ollama/qwen"])(
    "%s speaks chat completions",
    async (name) => {
      const model = await modelWith(inOrder({ text: "I look.", ...read }, done), "sk-local-0123456789");
      const { result, events } = await scriptedTurn({
        dir: dir(),
        model,
        config: { model: name, apiKey: "sk-local-0123456789" },
      });
      expect(result).toMatchObject({ outcome: { kind: "finished" }, steps: 2, toolCalls: 1 });
      expect(result.usage?.inputTokens).toBeGreaterThan(0);
      expect(result.usage?.costUsd === null).toBe(name !== "openai/gpt-4o-mini");
      expect(model.requests.map(({ path }) => path)).toEqual([
        "/v1/chat/completions",
        "/v1/chat/completions",
      ]);
      expect(eventsOf(events, "message").map(({ text }) => text)).toEqual([
        "[scripted] I look.",
        "[scripted] done",
      ]);
    },
  );

  test("a local server without a key is sent none", async () => {
    const model = await modelWith(inOrder(done));
    await scriptedTurn({ dir: dir(), model, config: { model: "ollama/qwen" } });
    expect(model.requests[0]?.headers.authorization).toBeUndefined();
  });

  test("anthropic/claude-sonnet-4-5 is priced", async () => {
    const model = await modelWith(inOrder(done));
    const { result, driver } = await scriptedTurn({
      dir: dir(),
      model,
      config: { model: "anthropic/claude-sonnet-4-5", apiKey: "sk-ant-0123456789" },
    });
    const { inputTokens = 0, outputTokens = 0 } = result.usage ?? {};
    expect(result.usage?.costUsd).toBeCloseTo((inputTokens * 3 + outputTokens * 15) / 1e6, 9);
    expect(driver.isScripted).toBe(false);
  });

  test("a server that answers with a web page is unavailable, not a crash", async () => {
    const server = createServer((_request, response) => response.end("<html>hello</html>"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const model = await modelWith(inOrder(done));
    const { port } = server.address() as AddressInfo;
    const { result } = await scriptedTurn({
      dir: dir(),
      model,
      config: { baseUrl: `http://127.0.0.1:${port}/v1` },
    });
    expect(result.outcome).toMatchObject({ kind: "model_unavailable" });
  });
});

describe("the API key", () => {
  const apiKey = "sk-ant-api03-do-not-show-me";

  test("reaches the provider and nobody else: no event, transcript or result holds it", async () => {
    const model = await modelWith(
      inOrder(
        {
          text: `my key is ${apiKey}`,
          calls: [{ name: "report_plan", input: { steps: [`use ${apiKey}`] } }],
        },
        call("run_command", {
          command: `printf 'sk-ant-api03-'; sleep 0.1; printf 'do-not-show-me'; echo ${apiKey} >&2`,
        }),
        call("write_file", { path: "key.txt", content: apiKey }),
        call("ask_controller", { question: `is ${apiKey} right?` }),
        call("read_file", { path: apiKey }),
        { text: apiKey, stop: "refusal" },
      ),
      apiKey,
    );
    const { result, events, transcripts } = await scriptedTurn({ dir: dir(), model, config: { apiKey } });
    expect(result.outcome.kind).toBe("refused");
    expect(model.requests.every(({ headers }) => headers["x-api-key"] === apiKey)).toBe(true);
    expect(transcripts.length).toBeGreaterThan(2);
    expect(JSON.stringify({ result, events, transcripts })).not.toContain(apiKey);
    expect(JSON.stringify(events)).toContain("[redacted]");
    const live = eventsOf(events, "tool.output").filter(({ stream }) => stream === "stdout");
    expect(live.map(({ text }) => text).join("")).toBe("[redacted]");
  });

  test.each([401, 529])("is taken out of a provider's own error %d", async (status) => {
    const model = await modelWith(inOrder(done), apiKey);
    model.inject({ kind: "status", status, message: `the key ${apiKey} is not right` }, 10);
    const { result, events } = await scriptedTurn({ dir: dir(), model, config: { apiKey } });
    expect(JSON.stringify({ result, events })).not.toContain(apiKey);
    expect(JSON.stringify(result)).toContain("[redacted]");
  });

  test("comes from the configuration alone: one in the environment is not used", async () => {
    const before = { ...process.env };
    onTestFinished(() => {
      for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    });
    process.env.ANTHROPIC_API_KEY = "sk-ant-from-the-environment";
    process.env.ANTHROPIC_BASE_URL = "http://127.0.0.1:9/v1";
    const model = await modelWith(inOrder(done));
    const { result } = await scriptedTurn({ dir: dir(), model });
    expect(result.outcome.kind).toBe("finished");
    expect(JSON.stringify(model.requests.map(({ headers }) => headers))).not.toContain("environment");
  });
});
