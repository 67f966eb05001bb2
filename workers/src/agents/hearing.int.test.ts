import { useTempDir } from "@agentvine/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import type { AgentTurnInput, Heard } from "./agent-driver.ts";
import { HeardMessages } from "./heard-messages.ts";
import { createDriver } from "./index.ts";
import {
  always,
  call,
  done,
  inOrder,
  modelWith,
  prepareTurn,
  scriptedTurn,
} from "./testing/scripted-turn.ts";
import { eventsOf, openFolder, recordedTurn } from "./testing/turn-fixture.ts";

const dir = useTempDir();

/** People who have written this; the positions are their places. */
const people = (...texts: string[]): Pick<AgentTurnInput, "hear"> & { write: (text: string) => void } => {
  const heard: Heard[] = [];
  const write = (text: string) =>
    void heard.push({ position: heard.length + 1, from: "Ada", text, files: [] });
  texts.forEach(write);
  return {
    write,
    hear: async (after) => heard.filter(({ position }) => position > after),
  };
};

/** What the model was told last, by all that came since its own last answer. */
const mirror = () =>
  modelWith(
    always(({ phases }) => {
      const { instruction, turns } = phases.at(-1) ?? { instruction: "", turns: [] };
      return turns.length === 0 && !instruction.includes("stop")
        ? { text: `I look: ${instruction}`, calls: [{ name: "read_file", input: { path: "a.txt" } }] }
        : { text: `done: ${instruction}` };
    }),
  );

describe("a person's message to the built-in agent", () => {
  test("comes with its next step, once, and is part of its memory", async () => {
    const talk = people("use tabs");
    const { result, events, transcripts } = await scriptedTurn({
      dir: dir(),
      model: await mirror(),
      input: { hear: talk.hear },
    });
    expect(eventsOf(events, "heard")).toEqual([{ type: "heard", from: "Ada", text: "use tabs" }]);
    expect(result.outcome).toMatchObject({
      summary: expect.stringMatching(/Mend it\n.*a person.*use tabs$/),
    });
    expect(transcripts.at(-1)?.heardThrough).toBe(1);
  });

  test("that comes while it finishes is heard before the work counts as done", async () => {
    const talk = people();
    let answers = 0;
    const model = await modelWith(
      always(() => {
        answers += 1;
        if (answers === 1) talk.write("one more thing");
        return { text: `answer ${answers}` };
      }),
    );
    const { result, events } = await scriptedTurn({ dir: dir(), model, input: { hear: talk.hear } });
    expect(eventsOf(events, "heard").map(({ text }) => text)).toEqual(["one more thing"]);
    expect(result.outcome).toMatchObject({ kind: "finished", summary: expect.stringContaining("answer 2") });
  });

  test("is not told again to one that goes on from its memory, but what came since is", async () => {
    const talk = people("use tabs");
    const first = await scriptedTurn({ dir: dir(), model: await mirror(), input: { hear: talk.hear } });
    const transcript = first.transcripts.at(-1);
    talk.write("and no stop words");
    const { result, events } = await scriptedTurn({
      dir: dir(),
      model: await mirror(),
      input: { hear: talk.hear, ...(transcript === undefined ? {} : { transcript }) },
    });
    // The instruction was answered: it goes on because somebody wrote since.
    expect(eventsOf(events, "heard").map(({ text }) => text)).toEqual(["and no stop words"]);
    expect(result.outcome).toMatchObject({
      kind: "finished",
      summary: expect.stringMatching(/done: \[a person.*and no stop words$/),
    });
  });

  test("does not make an answered instruction look new", async () => {
    const talk = people("use tabs");
    const first = await scriptedTurn({ dir: dir(), model: await mirror(), input: { hear: talk.hear } });
    const transcript = first.transcripts.at(-1);
    const model = await modelWith(inOrder(done));
    const { result } = await scriptedTurn({
      dir: dir(),
      model,
      input: { hear: talk.hear, ...(transcript === undefined ? {} : { transcript }) },
    });
    expect(result).toMatchObject({ steps: 0, outcome: { kind: "finished" } });
    expect(model.requests).toEqual([]);
  });

  test("is told once to one whose steps go on, however many there are", async () => {
    const talk = people("use tabs");
    const steps = [1, 2, 3].map((step) => call("run_command", { command: `echo ${step}` }));
    const model = await modelWith(inOrder(...steps, done));
    const turn = await prepareTurn({ dir: dir(), model, input: { hear: talk.hear } });
    await turn.run();
    expect(eventsOf(turn.events, "heard")).toHaveLength(1);
  });
});

test("a person's message to a command is part of its prompt, before the instruction, and not told twice", async () => {
  const talk = people("use tabs");
  const sandbox = await openFolder(`${dir()}/${crypto.randomUUID()}`, {});
  const driver = createDriver({ driver: "command", argv: ["sh", "-c", 'cat "$AGENTVINE_PROMPT_FILE"'] });
  const first = recordedTurn(sandbox, "Mend it", { hear: talk.hear });
  const { outcome } = await driver.run(first.input);
  expect(outcome).toMatchObject({ summary: expect.stringMatching(/Message from Ada: use tabs\n\nMend it$/) });
  const transcript = first.transcripts.at(-1);
  const second = recordedTurn(sandbox, "Again", {
    hear: talk.hear,
    ...(transcript === undefined ? {} : { transcript }),
  });
  const again = await driver.run(second.input);
  expect(again.outcome).toMatchObject({ summary: expect.stringMatching(/use tabs\n\nMend it\n\nAgain$/) });
  expect(eventsOf(second.events, "heard")).toEqual([]);
  await sandbox.close();
});

describe("a person's message to a command that works already", () => {
  const aCommand = async (script: string, input: Partial<AgentTurnInput>) => {
    const sandbox = await openFolder(`${dir()}/${crypto.randomUUID()}`, {});
    onTestFinished(() => sandbox.close());
    const driver = createDriver({ driver: "command", argv: ["sh", "-c", script] });
    const turn = recordedTurn(sandbox, "Mend it", input);
    return { ...turn, run: () => driver.run(turn.input) };
  };
  /** Whoever writes as soon as the command has said something for the first time. */
  const writesOnOutput = (talk: ReturnType<typeof people>, text: string): AgentTurnInput["onEvent"] => {
    let isWritten = false;
    return (event) => {
      if (event.type !== "tool.output" || isWritten) return;
      isWritten = true;
      talk.write(text);
    };
  };
  const printPrompt = 'cat "$AGENTVINE_PROMPT_FILE"';

  test("is the prompt of another run, and part of what it is told from then on, once", async () => {
    const talk = people();
    const onEvent = writesOnOutput(talk, "one more thing");
    const { run, transcripts } = await aCommand(printPrompt, { hear: talk.hear, onEvent });
    const result = await run();
    expect(result).toMatchObject({ steps: 2, outcome: { kind: "finished" } });
    expect(result.outcome).toMatchObject({
      summary: expect.stringMatching(
        /Mend it\n\nYou have worked on this.*\n\n\[a person.*Message from Ada: one more thing$/,
      ),
    });
    expect(transcripts.map(({ step, heardThrough }) => [step, heardThrough])).toEqual([
      [1, 0],
      [2, 1],
    ]);
    const transcript = transcripts.at(-1);
    if (transcript === undefined) throw new Error("no transcript");
    for (const [instruction, end] of [
      // The same turn once more, after a crash.
      ["Mend it", /Mend it\n\n\[a person.*one more thing$/],
      ["The gate refused", /Mend it\n\n\[a person.*one more thing\n\nThe gate refused$/],
    ] as const) {
      const next = await aCommand(printPrompt, { hear: talk.hear, transcript, instruction });
      const { outcome, steps } = await next.run();
      expect(steps).toBe(1);
      expect(outcome).toMatchObject({ summary: expect.stringMatching(end) });
      expect(JSON.stringify(outcome).split("one more thing")).toHaveLength(2);
      expect(JSON.stringify(outcome).split("Mend it")).toHaveLength(2);
    }
  });

  test("is left for the next attempt when the command fails, or its time is over", async () => {
    const talk = people();
    const failing = await aCommand("echo x; exit 3", {
      hear: talk.hear,
      onEvent: writesOnOutput(talk, "one more thing"),
    });
    expect(await failing.run()).toMatchObject({ steps: 1, outcome: { kind: "failed" } });
    expect(failing.transcripts.at(-1)?.heardThrough).toBe(0);

    const more = people();
    const time = new AbortController();
    let outputs = 0;
    const onEvent: AgentTurnInput["onEvent"] = ({ type }) => {
      if (type !== "tool.output") return;
      outputs += 1;
      if (outputs === 1) more.write("one more thing");
      else time.abort("timed_out");
    };
    const script = `${printPrompt}; ! grep -q "one more" "$AGENTVINE_PROMPT_FILE" || exec sleep 60`;
    const late = await aCommand(script, { hear: more.hear, onEvent, signal: time.signal });
    expect((await late.run()).outcome).toEqual({ kind: "timed_out" });
    expect(late.transcripts.map(({ heardThrough }) => heardThrough)).toEqual([0]);
  });

  test("that came with a reply of the relay is not told again by another run, but to the next one", async () => {
    const talk = people();
    const told: (readonly string[])[] = [];
    let relays = 0;
    const { run, transcripts } = await aCommand("true", {
      hear: talk.hear,
      openRelay: async (hear) => {
        relays += 1;
        talk.write("use tabs");
        // Nobody waits for the first reply any more.
        told.push(await hear(() => false), ...(await Promise.all([hear(), hear()])));
        return null;
      },
    });
    expect((await run()).outcome.kind).toBe("finished");
    expect([relays, told]).toEqual([1, [[], [expect.stringContaining("Message from Ada: use tabs")], []]]);
    expect(transcripts).toMatchObject([{ heardThrough: 1, messages: ["Mend it", told[1]?.[0]] }]);
  });
});

test("messages are given out once, whoever asks at the same time", async () => {
  const talk = people("one", "two");
  const heard = new HeardMessages({ hear: talk.hear, onEvent: () => undefined });
  const given = await Promise.all([heard.next(), heard.next(() => false), heard.next()]);
  expect(given.map(({ length }) => length)).toEqual([2, 0, 0]);
  expect(heard.through).toBe(2);
});
