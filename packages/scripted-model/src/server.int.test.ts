import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  controllerScenario,
  type Reply,
  type Scenario,
  ScenarioBroken,
  sampleScenarios,
  startScriptedModel,
} from "./index.ts";

const scenario = (respond: Scenario["respond"]): Scenario => ({ name: "test", matches: () => true, respond });
const saying = (reply: Reply): Scenario => scenario(() => reply);

async function started(options: Parameters<typeof startScriptedModel>[0] = {}) {
  const model = await startScriptedModel(options);
  onTestFinished(() => model.close());
  const post = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
    const response = await fetch(`${model.baseUrl}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) };
  };
  return { model, post };
}

const user = (text: string) => ({ role: "user", content: text });
const anthropic = (messages: unknown[], changes: object = {}) => ({
  model: "scripted/demo",
  max_tokens: 1_000,
  messages,
  ...changes,
});
const toolUse = (id: string) => ({ type: "tool_use", id, name: "look", input: { at: "x" } });
const toolResult = (id: string, content: unknown = "seen") => ({
  type: "tool_result",
  tool_use_id: id,
  content,
});

/** The data of each server-sent event. */
const eventsOf = (text: string) =>
  text
    .split("\n\n")
    .flatMap((event) => /^data: (.*)$/m.exec(event)?.[1] ?? [])
    .filter((data) => data !== "[DONE]")
    .map((data) => JSON.parse(data));

const twoCalls: Reply = {
  text: "I look twice.",
  calls: [
    { name: "look", input: { at: "x" } },
    { name: "look", input: {} },
  ],
};

describe("the Messages API", () => {
  test("answers with a message that is labelled as scripted", async () => {
    const { model, post } = await started({ scenarios: [saying(twoCalls)] });
    const { status, headers, json } = await post("/messages", anthropic([user("Hello")]));
    expect(status).toBe(200);
    expect(headers.get("x-agentvine-scripted")).toBe("true");
    expect(json()).toMatchObject({
      type: "message",
      role: "assistant",
      model: "scripted/demo",
      stop_reason: "tool_use",
      content: [
        { type: "text", text: "[scripted] I look twice." },
        { type: "tool_use", id: "toolu_1_0_0", name: "look", input: { at: "x" } },
        { type: "tool_use", id: "toolu_1_0_1", name: "look", input: {} },
      ],
      usage: { input_tokens: expect.any(Number), output_tokens: expect.any(Number) },
    });
    expect(model.requests).toMatchObject([{ path: "/v1/messages", body: { max_tokens: 1_000 } }]);
  });

  test("streams the same message in pieces", async () => {
    const { post } = await started({ scenarios: [saying(twoCalls)] });
    const { text, headers } = await post("/messages", anthropic([user("Hello")], { stream: true }));
    expect(headers.get("content-type")).toBe("text/event-stream");
    const events = eventsOf(text);
    expect(events.map(({ type }) => type).filter((type) => !/_delta$/.test(type))).toEqual([
      "message_start",
      "content_block_start",
      "content_block_stop",
      "content_block_start",
      "content_block_stop",
      "content_block_start",
      "content_block_stop",
      "message_stop",
    ]);
    const deltas = events.filter(({ type }) => type === "content_block_delta");
    const joined = (index: number) =>
      deltas
        .filter((event) => event.index === index)
        .map(({ delta }) => delta.text ?? delta.partial_json)
        .join("");
    expect([joined(0), joined(1), joined(2)]).toEqual(["[scripted] I look twice.", '{"at":"x"}', "{}"]);
    expect(events.at(-2)).toMatchObject({ type: "message_delta", delta: { stop_reason: "tool_use" } });
  });

  test("tells a scenario what was asked, answered and returned", async () => {
    let seen: unknown;
    const { post } = await started({
      scenarios: [
        scenario((conversation) => {
          seen = conversation;
          return { text: "ok" };
        }),
      ],
    });
    await post(
      "/messages",
      anthropic(
        [
          user("Mend it"),
          { role: "assistant", content: [{ type: "text", text: "I look" }, toolUse("a"), toolUse("b")] },
          {
            role: "user",
            content: [
              toolResult("a", [{ type: "text", text: "seen" }]),
              { ...toolResult("b", "gone"), is_error: true },
              { type: "text", text: "The gate refused" },
            ],
          },
        ],
        { system: [{ type: "text", text: "Be kind" }] },
      ),
    );
    const call = (id: string) => ({ id, name: "look", input: { at: "x" } });
    expect(seen).toMatchObject({
      system: "Be kind",
      phases: [
        {
          instruction: "Mend it",
          turns: [
            {
              text: "I look",
              results: [
                { call: call("a"), text: "seen", isError: false },
                { call: call("b"), text: "gone", isError: true },
              ],
            },
          ],
        },
        { instruction: "The gate refused", turns: [] },
      ],
    });
  });

  test.each([
    ["no messages", anthropic([]), /messages/],
    ["no max_tokens", { ...anthropic([user("x")]), max_tokens: undefined }, /max_tokens/],
    ["an answer first", anthropic([{ role: "assistant", content: "x" }]), /first message must be the user's/],
    ["an empty text", anthropic([user("")]), /content/],
    [
      "a call without a result",
      anthropic([user("x"), { role: "assistant", content: [toolUse("a")] }, user("go on")]),
      /tool_use ids were found without tool_result blocks immediately after: a/,
    ],
    [
      "a call without a result at the end",
      anthropic([user("x"), { role: "assistant", content: [toolUse("a")] }]),
      /without tool_result/,
    ],
    [
      "a call that is answered by another answer",
      anthropic([
        user("x"),
        { role: "assistant", content: [toolUse("a")] },
        { role: "assistant", content: "y" },
      ]),
      /without tool_result/,
    ],
    [
      "a result without a call",
      anthropic([user("x"), { role: "user", content: [toolResult("z")] }]),
      /unexpected tool_use_id in tool_result: z/,
    ],
    [
      "two calls of one id",
      anthropic([user("x"), { role: "assistant", content: [toolUse("a"), toolUse("a")] }]),
      /must be unique/,
    ],
  ])("refuses %s, as the real one does", async (_name, body, message) => {
    const { post } = await started({ scenarios: [saying({ text: "ok" })] });
    const { status, json } = await post("/messages", body);
    expect(status).toBe(400);
    expect(json()).toEqual({
      type: "error",
      error: { type: "invalid_request_error", message: expect.stringMatching(message) },
    });
  });
});

describe("the chat completions API", () => {
  const body = (messages: unknown[], changes: object = {}) => ({
    model: "scripted/demo",
    messages,
    ...changes,
  });
  const calls = [{ id: "a", type: "function", function: { name: "look", arguments: '{"at":"x"}' } }];

  test("answers with a completion, whole or streamed", async () => {
    const { post } = await started({ scenarios: [saying(twoCalls)] });
    const whole = await post("/chat/completions", body([user("Hello")]));
    expect(whole.json()).toMatchObject({
      model: "scripted/demo",
      choices: [
        {
          finish_reason: "tool_calls",
          message: {
            content: "[scripted] I look twice.",
            tool_calls: [{ id: "call_1_0_0", function: { name: "look", arguments: '{"at":"x"}' } }, {}],
          },
        },
      ],
      usage: { prompt_tokens: expect.any(Number) },
    });
    const streamed = await post("/chat/completions", body([user("Hello")], { stream: true }));
    expect(streamed.text).toMatch(/data: \[DONE\]\n\n$/);
    const chunks = eventsOf(streamed.text);
    const text = chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("");
    expect(text).toBe("[scripted] I look twice.");
    expect(chunks.at(-2).choices[0].finish_reason).toBe("tool_calls");
    expect(chunks.at(-1).usage.total_tokens).toBeGreaterThan(0);
  });

  test.each([
    [{ text: "no", stop: "refusal" }, "content_filter"],
    [{ text: "and then", stop: "max_tokens" }, "length"],
    [{ text: "done" }, "stop"],
  ] as const)("%j ends with %s", async (reply, reason) => {
    const { post } = await started({ scenarios: [saying(reply)] });
    const { json } = await post("/chat/completions", body([user("x")]));
    expect(json().choices[0].finish_reason).toBe(reason);
  });

  test("tells a scenario what was asked, answered and returned", async () => {
    let seen: unknown;
    const { post } = await started({
      scenarios: [
        scenario((conversation) => {
          seen = conversation;
          return {};
        }),
      ],
    });
    const { status } = await post(
      "/chat/completions",
      body([
        { role: "system", content: "Be kind" },
        { role: "user", content: [{ type: "text", text: "Mend it" }] },
        { role: "assistant", content: null, tool_calls: calls },
        { role: "tool", tool_call_id: "a", content: "Error: gone" },
      ]),
    );
    expect(status).toBe(200);
    expect(seen).toMatchObject({
      system: "Be kind",
      phases: [{ instruction: "Mend it", turns: [{ results: [{ text: "Error: gone", isError: true }] }] }],
    });
  });

  test.each([
    ["no messages", body([]), /messages/],
    [
      "a tool message without a call",
      body([{ role: "tool", tool_call_id: "z", content: "x" }]),
      /no tool call/,
    ],
    [
      "a call without a tool message",
      body([user("x"), { role: "assistant", tool_calls: calls }]),
      /must be followed/,
    ],
    [
      "arguments that are no object",
      body([
        user("x"),
        { role: "assistant", tool_calls: [{ ...calls[0], function: { name: "look", arguments: "[1" } }] },
      ]),
      /arguments of look are no JSON object/,
    ],
  ])("refuses %s", async (_name, request, message) => {
    const { post } = await started({ scenarios: [saying({ text: "ok" })] });
    const { status, json } = await post("/chat/completions", request);
    expect(status).toBe(400);
    expect(json().error.message).toMatch(message);
  });
});

describe("the server", () => {
  test("names its model, and nothing else is there", async () => {
    const { model, post } = await started();
    const models = await fetch(`${model.baseUrl}/models`);
    expect(await models.json()).toMatchObject({ data: [{ id: "scripted/demo" }] });
    expect((await post("/embeddings", {})).status).toBe(404);
    expect((await fetch(`${model.baseUrl}/messages`)).status).toBe(404);
  });

  test("refuses bodies that are no JSON or far too large, and keys it does not know", async () => {
    const { post } = await started({ scenarios: [saying({ text: "ok" })], apiKey: "right" });
    const hello = anthropic([user("Hello")]);
    expect((await post("/messages", "{oops", { "x-api-key": "right" })).status).toBe(400);
    expect((await post("/messages", " ".repeat(33 * 1024 * 1024), { "x-api-key": "right" })).status).toBe(
      400,
    );
    expect(await post("/messages", hello)).toMatchObject({ status: 401 });
    expect((await post("/messages", hello, { "x-api-key": "right" })).status).toBe(200);
    expect((await post("/messages", hello, { authorization: "Bearer right" })).status).toBe(200);
  });

  test("goes wrong as often as told", async () => {
    const { model, post } = await started({ scenarios: [saying({ text: "fine" })] });
    const hello = anthropic([user("Hello")], { stream: true });
    model.inject({ kind: "status", status: 429, retryAfterSeconds: 7 });
    model.inject({ kind: "status", status: 418, message: "a teapot" });
    model.inject({ kind: "reply", reply: { text: "other", stop: "max_tokens" } });
    model.inject({ kind: "stream_error" });
    model.inject({ kind: "disconnect" });
    const limited = await post("/messages", hello);
    expect([limited.status, limited.headers.get("retry-after")]).toEqual([429, "7"]);
    expect((await post("/messages", hello)).json().error).toEqual({ type: "api_error", message: "a teapot" });
    expect(eventsOf((await post("/messages", hello)).text).at(-2).delta.stop_reason).toBe("max_tokens");
    expect(eventsOf((await post("/messages", hello)).text).at(-1)).toMatchObject({ type: "error" });
    await expect(post("/messages", hello)).rejects.toThrow();
    expect((await post("/messages", hello)).status).toBe(200);
  });

  test("waits before each answer when told to, and closing does not wait for it", async () => {
    const slow = await started({ scenarios: [saying({ text: "ok" })], delayMs: 150 });
    const before = performance.now();
    await slow.post("/messages", anthropic([user("x")]));
    expect(performance.now() - before).toBeGreaterThanOrEqual(145);

    const stuck = await startScriptedModel({ scenarios: [saying({ text: "ok" })], delayMs: 600_000 });
    const asked = fetch(`${stuck.baseUrl}/messages`, {
      method: "POST",
      body: JSON.stringify(anthropic([user("x")])),
    });
    const refused = expect(asked).rejects.toThrow();
    await expect.poll(() => stuck.requests.length).toBe(1);
    await stuck.close();
    await refused;
  });

  test("says what is wrong when a port is taken or a scenario has a fault of its own", async () => {
    const { model, post } = await started({
      scenarios: [
        scenario(() => {
          throw new TypeError("a bug in the scenario");
        }),
      ],
    });
    await expect(startScriptedModel({ port: Number(new URL(model.url).port) })).rejects.toThrow(/EADDRINUSE/);
    const { status, json } = await post("/messages", anthropic([user("x")]));
    expect([status, json().error.message]).toEqual([500, "a bug in the scenario"]);
  });

  test("a broken scenario, or a task nobody knows, is a refusal that says why", async () => {
    const broken = await started({
      scenarios: [
        scenario(() => {
          throw new ScenarioBroken("the file is missing");
        }),
      ],
    });
    expect((await broken.post("/messages", anthropic([user("x")]))).json()).toMatchObject({
      stop_reason: "refusal",
      content: [{ text: "[scripted] scenario broken: test: the file is missing" }],
    });
    const { post } = await started();
    expect((await post("/messages", anthropic([user("Write a compiler")]))).json()).toMatchObject({
      stop_reason: "refusal",
      content: [{ text: expect.stringContaining("no scenario knows this task") }],
    });
  });
});

test("each sample's title picks its own scenario, and only that", async () => {
  const manifest = await readFile(join(import.meta.dirname, "../../../samples/manifest.json"), "utf8");
  const samples: { type: string; title: string; description: string }[] = JSON.parse(manifest);
  for (const { type, title, description } of samples) {
    const matching = sampleScenarios.filter(({ matches }) => matches(`# ${title}\n${description}`));
    expect(matching.map(({ name }) => name)).toEqual([type]);
  }
  expect(samples.map(({ type }) => type).sort()).toEqual(sampleScenarios.map(({ name }) => name).sort());
});

describe("the controller's scenario", () => {
  const ask = (sources: string, options = "- 1: throws a RangeError\n- 2: means no limit") => {
    const instruction = `${sources}\n\n<<<QUESTION\nWhat?\n>>>QUESTION\n\n<<<OPTIONS\n${options}\n>>>OPTIONS`;
    return controllerScenario.respond({ system: "", phases: [{ instruction, turns: [] }] }).calls?.[0]?.input;
  };
  const source = (label: string, text: string) =>
    `<<<SOURCE ${label} (document)\n${text}\n>>>SOURCE ${label}`;

  test("chooses the option that one source states, and cites its line", () => {
    const sources = [source("S1", "Rules\n\n- It throws a RangeError."), source("S2", "Nothing of it")].join(
      "\n\n",
    );
    const quote = "It throws a RangeError.";
    expect(ask(sources)).toEqual({
      choice: "1",
      answer: quote,
      confidence: 0.95,
      citations: [{ source: "S1", quote }],
    });
  });

  test.each([
    ["no source states any", source("S1", "Rules")],
    [
      "sources contradict each other",
      source("S1", "it throws a RangeError") + source("S2", "it means no limit"),
    ],
    ["there are no sources", "There are no sources."],
  ])("leaves it to a person when %s", (_, sources) => {
    expect(ask(sources)).toEqual({ confidence: 0 });
  });
});

test("as a process of its own it says where it listens, and ends with whoever started it", async () => {
  const started = promisify(execFile)(process.execPath, [
    "--conditions=@agentvine/source",
    "--import",
    "tsx",
    join(import.meta.dirname, "main.ts"),
  ]);
  const ready = await new Promise<string>((resolve) => started.child.stdout?.once("data", resolve));
  const { ready: isReady, baseUrl, pid } = JSON.parse(String(ready));
  expect([isReady, pid]).toEqual([true, started.child.pid]);
  expect((await fetch(`${baseUrl}/models`)).status).toBe(200);
  started.child.stdin?.end();
  await expect(started).resolves.toMatchObject({ stderr: "" });
}, 30_000);
