import { useTempDir } from "@agentvine/testkit";
import { describe, expect, test } from "vitest";
import type { AgentTurnInput, Heard } from "./agent-driver.ts";
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
  const heard: Heard[] = texts.map((text, index) => ({ position: index + 1, text }));
  return {
    write: (text) => heard.push({ position: heard.length + 1, text }),
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
    expect(eventsOf(events, "heard")).toEqual([{ type: "heard", text: "use tabs" }]);
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
  expect(outcome).toMatchObject({ summary: expect.stringMatching(/use tabs\n\nMend it$/) });
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
