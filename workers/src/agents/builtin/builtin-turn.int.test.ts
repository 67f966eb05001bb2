import { deferred } from "@agentvine/kit";
import { useTempDir, waitUntil } from "@agentvine/testkit";
import { describe, expect, test } from "vitest";
import type { Transcript } from "../agent-driver.ts";
import {
  always,
  call,
  done,
  inOrder,
  lastResults,
  modelWith,
  prepareTurn,
  scriptedTurn,
} from "../testing/scripted-turn.ts";
import { aDesk, eventsOf } from "../testing/turn-fixture.ts";

const dir = useTempDir();

describe("a turn", () => {
  test("asks, runs the tools, reports every step and ends with what the model said last", async () => {
    const model = await modelWith(
      inOrder(
        { text: "I look.", calls: [{ name: "read_file", input: { path: "a.txt" } }] },
        call("run_command", { command: "echo seen; echo oops >&2" }),
        { text: "It is mended." },
      ),
    );
    const { result, events, transcripts, driver } = await scriptedTurn({ dir: dir(), model });
    expect(driver).toMatchObject({ name: "builtin", label: "scripted/demo", isScripted: true });
    expect(result).toMatchObject({
      outcome: { kind: "finished", summary: "[scripted] It is mended." },
      steps: 3,
      toolCalls: 2,
      modelRetries: 0,
    });
    expect(result.usage).toMatchObject({ costUsd: null, cacheReadTokens: 0 });
    expect(result.usage?.inputTokens).toBeGreaterThan(0);
    expect(events.map(({ type }) => type)).toEqual([
      "step.started",
      "usage",
      "message",
      "tool.started",
      "tool.ended",
      "step.started",
      "usage",
      "tool.started",
      "tool.output",
      "tool.output",
      "tool.ended",
      "step.started",
      "usage",
      "message",
    ]);
    expect(eventsOf(events, "tool.started")).toMatchObject([
      { name: "read_file", toolClass: "read", summary: "a.txt" },
      { name: "run_command", toolClass: "command", summary: "echo seen; echo oops >&2" },
    ]);
    // One after the command, one at the end; reading has no effects.
    expect(transcripts.map(({ step }) => step)).toEqual([2, 3]);
    expect(transcripts.at(-1)?.usage).toEqual(result.usage);
  });

  test("several calls of one answer run in their order, and a failed one does not stop the others", async () => {
    const model = await modelWith(
      inOrder(
        {
          calls: [
            { name: "write_file", input: { path: "b.txt", content: "b" } },
            { name: "read_file", input: { path: "missing.txt" } },
            { name: "read_file", input: { path: "b.txt" } },
          ],
        },
        done,
      ),
    );
    const { result } = await scriptedTurn({ dir: dir(), model });
    expect(result.outcome.kind).toBe("finished");
    expect(lastResults(model)).toEqual([
      { text: "b.txt was written (1 bytes)", isError: false },
      { text: expect.stringMatching(/^Error: .*missing\.txt/), isError: true },
      { text: "1\tb", isError: false },
    ]);
  });

  test("a refusal of the model ends it as refused, with the model's words", async () => {
    const model = await modelWith(always(() => ({ text: "I will not do that.", stop: "refusal" })));
    const { result } = await scriptedTurn({ dir: dir(), model });
    expect(result.outcome).toEqual({ kind: "refused", reason: "[scripted] I will not do that." });
  });

  test("a checkpoint that can't be stored is no fault of the agent: the turn throws", async () => {
    const model = await modelWith(inOrder(done));
    const { run } = await prepareTurn({
      dir: dir(),
      model,
      input: { onCheckpoint: () => Promise.reject(new Error("storage is full")) },
    });
    await expect(run()).rejects.toThrow("storage is full");
  });
});

describe("limits", () => {
  test("the steps are counted, over turns too, and the model is told when they run out", async () => {
    const texts: string[] = [];
    const model = await modelWith(
      always(({ phases }) => {
        const last = phases.at(-1)?.turns.at(-1)?.results.at(-1);
        if (last !== undefined) texts.push(last.text);
        return call("run_command", { command: `echo ${phases.at(-1)?.turns.length}` });
      }),
    );
    const first = await scriptedTurn({
      dir: dir(),
      model,
      input: { limits: { stepsMax: 5, tokensMax: 1e9 } },
    });
    expect(first.result).toMatchObject({
      outcome: { kind: "limit_reached", limit: "steps", reason: "not done after 5 steps" },
      steps: 5,
    });
    expect(texts.map((text) => /\[(\d) steps left/.exec(text)?.[1])).toEqual([undefined, "3", "2", "1"]);

    const transcript = first.transcripts.at(-1) as Transcript;
    const again = await scriptedTurn({
      dir: dir(),
      model,
      input: { limits: { stepsMax: 6, tokensMax: 1e9 }, transcript },
    });
    expect(again.result).toMatchObject({ outcome: { kind: "limit_reached" }, steps: 1 });
  });

  test("the tokens are counted, over turns too", async () => {
    const model = await modelWith(
      always(({ phases }) => call("run_command", { command: `echo ${phases.at(-1)?.turns.length}` })),
    );
    const input = { limits: { stepsMax: 100, tokensMax: 600 } };
    const first = await scriptedTurn({ dir: dir(), model, input });
    expect(first.result.outcome).toMatchObject({ kind: "limit_reached", limit: "tokens" });
    expect(first.result.steps).toBeLessThan(20);
    const transcript = first.transcripts.at(-1) as Transcript;
    const again = await scriptedTurn({ dir: dir(), model, input: { ...input, transcript } });
    expect(again.result).toMatchObject({ outcome: { kind: "limit_reached", limit: "tokens" }, steps: 0 });
  });
});

describe("a turn that is cut off", () => {
  test.each([
    ["timed_out", { kind: "timed_out" }],
    ["cancelled by somebody", { kind: "cancelled" }],
  ])("with reason %j while the model thinks ends at once, and stores nothing", async (reason, outcome) => {
    const model = await modelWith(inOrder(done));
    model.inject({ kind: "stall" });
    const abort = new AbortController();
    const { run, transcripts } = await prepareTurn({ dir: dir(), model, input: { signal: abort.signal } });
    const running = run();
    await waitUntil(() => model.requests.length > 0);
    abort.abort(reason);
    await expect(running).resolves.toMatchObject({ outcome });
    expect(transcripts).toEqual([]);
  });

  test("while a command runs kills the command", async () => {
    const model = await modelWith(
      inOrder(call("run_command", { command: "echo begun; exec sleep 60" }), done),
    );
    const abort = new AbortController();
    const { run, events } = await prepareTurn({ dir: dir(), model, input: { signal: abort.signal } });
    const running = run();
    await waitUntil(() => eventsOf(events, "tool.output").length > 0);
    abort.abort();
    await expect(running).resolves.toMatchObject({ outcome: { kind: "cancelled" } });
    expect(model.requests).toHaveLength(1);
  });

  test.each(["write_file", "ask_controller"])(
    "while somebody is asked (%s) does not wait for the answer",
    async (tool) => {
      const reply = call(
        tool,
        tool === "write_file" ? { path: "b.txt", content: "b" } : { question: "why?" },
      );
      const model = await modelWith(inOrder(reply, done));
      const abort = new AbortController();
      const asked = deferred<void>();
      const { run } = await prepareTurn({
        dir: dir(),
        model,
        input: {
          signal: abort.signal,
          ruleFor: () => undefined,
          desk: aDesk({
            ask: () => {
              asked.resolve();
              return new Promise(() => {});
            },
          }),
        },
      });
      const running = run();
      await asked.promise;
      abort.abort("timed_out");
      await expect(running).resolves.toMatchObject({ outcome: { kind: "timed_out" } });
    },
  );

  test("while it waits for the model to recover does not wait on", async () => {
    const model = await modelWith(inOrder(done));
    model.inject({ kind: "status", status: 529, retryAfterSeconds: 60 });
    const abort = new AbortController();
    const { run, events } = await prepareTurn({
      dir: dir(),
      model,
      input: { signal: abort.signal },
      config: { retry: { attemptsMax: 3, elapsedMsMax: 600_000, baseMs: 1, maxMs: 5 } },
    });
    const running = run();
    await waitUntil(() => eventsOf(events, "model.retried").length > 0);
    abort.abort("timed_out");
    await expect(running).resolves.toMatchObject({ outcome: { kind: "timed_out" }, modelRetries: 1 });
  });

  test("before it began asks nothing", async () => {
    const model = await modelWith(inOrder(done));
    const { result } = await scriptedTurn({
      dir: dir(),
      model,
      input: { signal: AbortSignal.abort("timed_out") },
    });
    expect(result).toMatchObject({ outcome: { kind: "timed_out" }, steps: 0 });
    expect(model.requests).toEqual([]);
  });
});

describe("answers nobody can use", () => {
  test("empty ones are complained about twice, then the turn fails", async () => {
    const model = await modelWith(always(() => ({})));
    const { result } = await scriptedTurn({ dir: dir(), model });
    expect(result).toMatchObject({
      outcome: { kind: "failed", reason: expect.stringMatching(/no usable answer 3 times.*empty/) },
      steps: 3,
    });
  });

  test("an empty one that is followed by work is forgiven", async () => {
    const read = call("read_file", { path: "a.txt" });
    const model = await modelWith(
      always(({ phases: [phase] }) => {
        const complaints = phase?.instruction.split("Your answer was empty").length ?? 0;
        return complaints < 3 ? {} : phase?.turns.length === 0 ? read : done;
      }),
    );
    const { result } = await scriptedTurn({ dir: dir(), model });
    expect(result).toMatchObject({ outcome: { kind: "finished" }, steps: 4 });
  });

  test.each([
    ["cut off at the output limit", { text: "I was about to", stop: "max_tokens" as const }],
    ["a tool call as text", { text: '<tool_call>{"name": "read_file"}</tool_call>' }],
  ])("%s: the model is told", async (_name, reply) => {
    const model = await modelWith(always(({ phases }) => (phases.length === 1 ? reply : done)));
    const { result, transcripts } = await scriptedTurn({ dir: dir(), model });
    expect(result).toMatchObject({ outcome: { kind: "finished" }, steps: 2 });
    expect(JSON.stringify(transcripts.at(-1))).toContain("Go on with the task by calling tools");
  });

  test("calls that are no JSON, of no tool, or with wrong input become results the model can learn from", async () => {
    const model = await modelWith(
      inOrder(
        { ...call("read_file", { path: "a.txt" }), rawInput: '{"path": "a.t' },
        call("open_door", {}),
        call("read_file", { path: 7 }),
        call("read_file", { path: "a.txt" }),
        done,
      ),
    );
    const { result, events } = await scriptedTurn({ dir: dir(), model });
    expect(result.outcome.kind).toBe("finished");
    expect(eventsOf(events, "tool.ended").map(({ isError, summary }) => [isError, summary])).toEqual([
      [true, expect.stringMatching(/no JSON object; it begins with "{\\"path\\": \\"a\.t"/)],
      [true, expect.stringMatching(/there is no tool open_door; the tools are read_file, list_files/)],
      [true, expect.stringMatching(/input of read_file is not valid/)],
      [false, "a.txt: lines 1 to 2"],
    ]);
  });

  test("nothing but nonsense calls fails after five steps", async () => {
    const model = await modelWith(always(({ phases }) => call(`tool_${phases.at(-1)?.turns.length}`, {})));
    const { result } = await scriptedTurn({ dir: dir(), model });
    expect(result).toMatchObject({
      outcome: { kind: "failed", reason: /no valid tool call in 5 steps/ },
      steps: 5,
    });
  });

  test("going in circles is told at the fifth and given up at the eighth time", async () => {
    const texts: string[] = [];
    const model = await modelWith(
      always(({ phases }) => {
        texts.push(phases.at(-1)?.turns.at(-1)?.results.at(-1)?.text ?? "");
        return call("read_file", { path: "a.txt" });
      }),
    );
    const { result } = await scriptedTurn({ dir: dir(), model });
    expect(result).toMatchObject({
      outcome: {
        kind: "failed",
        reason: expect.stringMatching(/goes in circles: it called read_file 8 times/),
      },
      steps: 8,
    });
    expect(texts.findIndex((text) => text.includes("do something else"))).toBe(5);
  });
});

describe("a turn that goes on", () => {
  test("adds a new instruction to the conversation so far", async () => {
    const model = await modelWith(
      always(({ phases }) => ({ text: phases.map((p) => p.instruction).join(" | ") })),
    );
    const first = await scriptedTurn({ dir: dir(), model, instruction: "Mend it" });
    const transcript = first.transcripts.at(-1) as Transcript;
    const second = await scriptedTurn({
      dir: dir(),
      model,
      instruction: "The gate refused",
      input: { transcript },
    });
    expect(second.result.outcome).toMatchObject({ summary: "[scripted] Mend it | The gate refused" });
  });

  test("that had already ended ends again without asking the model", async () => {
    const model = await modelWith(inOrder(done));
    const first = await scriptedTurn({ dir: dir(), model });
    const transcript = first.transcripts.at(-1) as Transcript;
    const again = await scriptedTurn({ dir: dir(), model, input: { transcript } });
    expect(again.result).toMatchObject({
      outcome: { kind: "finished", summary: "[scripted] done" },
      steps: 0,
    });
    expect(model.requests).toHaveLength(1);
  });

  test("tells the model that calls without a result were interrupted", async () => {
    const model = await modelWith(inOrder(done, done));
    const transcript: Transcript = {
      driver: "builtin",
      step: 1,
      messages: [
        { role: "user", content: [{ type: "text", text: "Mend it" }] },
        {
          role: "assistant",
          content: [
            { type: "tool-call", toolCallId: "c1", toolName: "run_command", input: { command: "deploy" } },
          ],
        },
      ],
    };
    const { result } = await scriptedTurn({ dir: dir(), model, input: { transcript } });
    expect(result.outcome.kind).toBe("finished");
    expect(lastResults(model)).toEqual([
      { text: expect.stringMatching(/^Error: this call was interrupted/), isError: true },
    ]);
  });

  test("knows its instruction again behind words of its own loop", async () => {
    const model = await modelWith(always(({ phases }) => ({ text: phases.at(-1)?.instruction ?? "" })));
    const messages = ["Mend it", "[from the agent's own loop] Your answer was empty."].map((text) => ({
      role: "user",
      content: [{ type: "text", text }],
    }));
    const { result } = await scriptedTurn({
      dir: dir(),
      model,
      input: { transcript: { driver: "builtin", step: 1, messages } },
    });
    expect(result.outcome).toMatchObject({ summary: expect.stringMatching(/empty\.$/) });
  });

  test.each([
    ["of another driver", { driver: "command", step: 4, messages: ["Mend it"] }],
    ["with nonsense in it", { driver: "builtin", step: 4, messages: [], usage: "much" as never }],
    ["that can't be read", { driver: "builtin", step: 4, messages: [{ role: "assistant", content: "?" }] }],
  ] as const)("starts over from a transcript %s", async (_name, transcript) => {
    const model = await modelWith(always(({ phases }) => ({ text: String(phases.length) })));
    const { result } = await scriptedTurn({ dir: dir(), model, input: { transcript } });
    expect(result.outcome).toMatchObject({ kind: "finished", summary: "[scripted] 1" });
  });
});
