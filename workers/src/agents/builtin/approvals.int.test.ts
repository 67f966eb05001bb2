import { deferred } from "@agentvine/kit";
import { useTempDir } from "@agentvine/testkit";
import { describe, expect, test } from "vitest";
import type { Answer, Question, Spent, ToolCallFields } from "../agent-driver.ts";
import {
  call,
  done,
  inOrder,
  lastResults,
  modelWith,
  prepareTurn,
  scriptedTurn,
} from "../testing/scripted-turn.ts";
import { aDesk, eventsOf } from "../testing/turn-fixture.ts";
import { waitingText } from "./tools/ask-controller.tool.ts";

const dir = useTempDir();

describe("approval", () => {
  const onlyRead = { ruleFor: (toolClass: string) => (toolClass === "read" ? "rule-read" : undefined) };
  const allowed = {
    kind: "allowed",
    requestId: "r1",
    by: "ada",
    editedCommand: null,
    isSpent: false,
  } as const;
  const edit = call("write_file", { path: "b.txt", content: "b" });

  test.each([
    [
      { kind: "no_answer", reason: "no decision plane" },
      /nobody allowed it \(no answer: no decision plane\)/,
    ],
    [{ kind: "denied", reason: "not on a Friday" }, /it was denied: not on a Friday/],
    [{ kind: "answered", text: "allow", by: "ada" }, /it was not allowed/],
  ] as const)("%j leaves the call undone and tells the model", async (answer, told) => {
    const model = await modelWith(inOrder(edit, done));
    const questions: unknown[] = [];
    const { result, sandbox } = await scriptedTurn({
      dir: dir(),
      model,
      input: {
        ...onlyRead,
        desk: aDesk({
          ask: async (question) => {
            questions.push(question);
            return answer;
          },
        }),
      },
    });
    expect(result.outcome.kind).toBe("finished");
    expect(questions).toEqual([
      {
        kind: "approval",
        text: "write_file (edit): b.txt (1 characters)",
        reason: "",
        approval: {
          subject: "tool_call",
          tool: "write_file",
          toolClass: "edit",
          arguments: { path: "b.txt", content: "b" },
          command: null,
          paths: ["b.txt"],
          diff: "--- /dev/null\n+++ b/b.txt\n@@ -0,0 +1,1 @@\n+b\n",
          steps: [],
        },
      },
    ]);
    expect(lastResults(model)).toEqual([{ text: expect.stringMatching(told), isError: true }]);
    await expect(sandbox.readFile("b.txt", 10)).rejects.toThrow();
  });

  test("a plain allow lets exactly this call through", async () => {
    const model = await modelWith(inOrder(edit, done));
    const { sandbox } = await scriptedTurn({
      dir: dir(),
      model,
      input: { ...onlyRead, desk: aDesk({ ask: async () => allowed }) },
    });
    await expect(sandbox.readFile("b.txt", 10)).resolves.toMatchObject({ sizeBytes: 1 });
  });

  test("a question that fails is told like any other error", async () => {
    const model = await modelWith(inOrder(edit, done));
    await scriptedTurn({
      dir: dir(),
      model,
      input: { ...onlyRead, desk: aDesk({ ask: () => Promise.reject(new Error("gone")) }) },
    });
    expect(lastResults(model)).toEqual([{ text: "Error: gone", isError: true }]);
  });

  /** A desk that gives its answers in order and notes what it is asked and what is spent. */
  const recordingDesk = (answers: readonly Answer[], spents: readonly Spent[] = []) => {
    const asked: Question[] = [];
    const spent: (ToolCallFields & { requestId: string })[] = [];
    const desk = aDesk({
      ask: async (question) => {
        asked.push(question);
        return answers[asked.length - 1] ?? { kind: "no_answer", reason: "asked too often" };
      },
      spend: async (requestId, fields) => {
        spent.push({ requestId, ...fields });
        return spents[spent.length - 1] ?? { isSpent: true };
      },
    });
    return { desk, asked, spent };
  };
  const append = (word: string) => call("run_command", { command: `echo ${word} >> done.txt` });
  const doneTxt = async (sandbox: { readFile(path: string, max: number): Promise<{ bytes: Uint8Array }> }) =>
    Buffer.from((await sandbox.readFile("done.txt", 100)).bytes).toString();

  test("an allowed call is spent with exactly its arguments, once, before it runs once", async () => {
    const model = await modelWith(inOrder({ ...append("one"), text: "I must note it." }, done));
    const { desk, asked, spent } = recordingDesk([allowed]);
    const { sandbox } = await scriptedTurn({ dir: dir(), model, input: { ...onlyRead, desk } });
    const fields = { command: "echo one >> done.txt" };
    expect(asked).toMatchObject([
      {
        reason: expect.stringContaining("I must note it."),
        approval: { tool: "run_command", toolClass: "command", command: fields.command, arguments: fields },
      },
    ]);
    expect(spent).toEqual([{ requestId: "r1", tool: "run_command", arguments: fields }]);
    expect(await doneTxt(sandbox)).toBe("one\n");
  });

  test("what a rule allowed and spent already is not spent again", async () => {
    const model = await modelWith(inOrder(append("one"), done));
    const { desk, spent } = recordingDesk([{ ...allowed, isSpent: true }]);
    const { sandbox } = await scriptedTurn({ dir: dir(), model, input: { ...onlyRead, desk } });
    expect(spent).toEqual([]);
    expect(await doneTxt(sandbox)).toBe("one\n");
  });

  test("a changed command runs in place of the agent's, and the agent is told", async () => {
    const model = await modelWith(inOrder(append("one"), done));
    const editedCommand = "echo two >> done.txt";
    const { desk, spent } = recordingDesk([{ ...allowed, editedCommand }]);
    const { sandbox } = await scriptedTurn({ dir: dir(), model, input: { ...onlyRead, desk } });
    expect(await doneTxt(sandbox)).toBe("two\n");
    expect(spent).toMatchObject([{ arguments: { command: editedCommand } }]);
    expect(lastResults(model)[0]?.text).toMatch(/ada changed the command.*echo two/);
  });

  test("an approval that is used up already runs nothing, and is asked for once more at most", async () => {
    const used = { isSpent: false, reason: "used already" } as const;
    const model = await modelWith(inOrder(append("one"), done));
    const { desk, asked } = recordingDesk([allowed, allowed, allowed], [used, used]);
    const { sandbox } = await scriptedTurn({ dir: dir(), model, input: { ...onlyRead, desk } });
    expect(asked).toHaveLength(2);
    expect(lastResults(model)).toEqual([{ text: expect.stringContaining("used already"), isError: true }]);
    await expect(sandbox.readFile("done.txt", 10)).rejects.toThrow();

    const again = await modelWith(inOrder(append("one"), done));
    const second = recordingDesk([allowed, allowed], [used]);
    const turn = await scriptedTurn({ dir: dir(), model: again, input: { ...onlyRead, desk: second.desk } });
    expect(await doneTxt(turn.sandbox)).toBe("one\n");
  });

  test("the rule that lets a call through is told with it; none is told for one that was asked for", async () => {
    const model = await modelWith(inOrder(call("read_file", { path: "a.txt" }), append("one"), done));
    const { desk } = recordingDesk([allowed]);
    const { events } = await scriptedTurn({ dir: dir(), model, input: { ...onlyRead, desk } });
    expect(eventsOf(events, "tool.started").map(({ ruleId }) => ruleId)).toEqual(["rule-read", null]);
  });

  test("the driver's own secrets are neither shown nor spent", async () => {
    const apiKey = "secret-key-of-the-model";
    const model = await modelWith(inOrder(append(apiKey), done), apiKey);
    const { desk, asked, spent } = recordingDesk([allowed]);
    await scriptedTurn({ dir: dir(), model, config: { apiKey }, input: { ...onlyRead, desk } });
    expect(JSON.stringify([asked, spent])).not.toContain(apiKey);
    expect(asked[0]?.approval?.arguments).toEqual(spent[0]?.arguments);
  });

  test("nobody is asked for what no tool can do: a file outside the repository", async () => {
    const model = await modelWith(inOrder(call("read_file", { path: "/etc/passwd" }), done));
    const { desk, asked } = recordingDesk([]);
    await scriptedTurn({ dir: dir(), model, input: { ...onlyRead, desk } });
    expect(asked).toEqual([]);
    expect(lastResults(model)).toEqual([
      { text: expect.stringContaining("outside the repository"), isError: true },
    ]);
  });

  test("an edit is shown as a diff against the file as it is", async () => {
    const edit = call("edit_file", { path: "a.txt", oldText: "two", newText: "zwei" });
    const model = await modelWith(inOrder(edit, done));
    const { desk, asked } = recordingDesk([]);
    await scriptedTurn({ dir: dir(), model, input: { ...onlyRead, desk } });
    expect(asked[0]?.approval?.diff).toBe("--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,2 @@\n one\n-two\n+zwei\n");
  });

  test("an answer that does not come ends the turn as parked, with the waiting call on record and the rest undone", async () => {
    const both = { calls: [...(append("one").calls ?? []), ...(append("two").calls ?? [])] };
    const model = await modelWith(inOrder(both, done));
    const { desk } = recordingDesk([{ kind: "pending", requestId: "r1" }]);
    const { result, sandbox, transcripts } = await scriptedTurn({
      dir: dir(),
      model,
      input: { ...onlyRead, desk },
    });
    expect(result.outcome).toEqual({ kind: "parked", requestIds: ["r1"] });
    expect(JSON.stringify(transcripts.at(-1)?.messages.at(-1))).toMatch(
      new RegExp(`${waitingText}.*not run: an earlier call waits`),
    );
    await expect(sandbox.readFile("done.txt", 10)).rejects.toThrow();
  });

  test("a parked turn goes on with the answers, and the call it repeats runs once", async () => {
    const model = await modelWith(inOrder(append("one"), append("one"), done));
    const first = recordingDesk([{ kind: "pending", requestId: "r1" }]);
    const parked = await scriptedTurn({ dir: dir(), model, input: { ...onlyRead, desk: first.desk } });
    const transcript = parked.transcripts.at(-1);
    if (transcript === undefined) throw new Error("no transcript");
    const second = recordingDesk([allowed]);
    const instruction = "Allowed, once: echo one >> done.txt";
    const { result, sandbox } = await scriptedTurn({
      ...{ dir: dir(), model, instruction },
      input: { ...onlyRead, desk: second.desk, transcript },
    });
    expect(result.outcome.kind).toBe("finished");
    expect(await doneTxt(sandbox)).toBe("one\n");
  });

  test("a turn that was parked, but whose wait nobody took down, is told to make its call again", async () => {
    const model = await modelWith(inOrder(append("one"), append("one"), done));
    const first = recordingDesk([{ kind: "pending", requestId: "r1" }]);
    const parked = await scriptedTurn({ dir: dir(), model, input: { ...onlyRead, desk: first.desk } });
    const transcript = parked.transcripts.at(-1);
    if (transcript === undefined) throw new Error("no transcript");
    const second = recordingDesk([allowed]);
    await scriptedTurn({ dir: dir(), model, input: { ...onlyRead, desk: second.desk, transcript } });
    expect(second.asked).toHaveLength(1);
    expect(JSON.stringify(model.requests.at(-2)?.body)).toContain("Make the call that waits again");
  });
});

describe("ask_controller", () => {
  const question = call("ask_controller", { question: "Which colour?", options: ["red", "green"] });
  test.each([
    [{ kind: "answered", text: "green", by: "ada" }, "Answer of ada: green"],
    [{ kind: "denied", reason: "decide yourself" }, "Denied: decide yourself"],
    [{ kind: "no_answer", reason: "nobody is there" }, /^No answer: nobody is there\. Nobody decided this/],
  ] as const)("hands over %j as it is, and needs no approval", async (answer, told) => {
    const model = await modelWith(inOrder(question, done));
    await scriptedTurn({
      dir: dir(),
      model,
      input: { ruleFor: () => undefined, desk: aDesk({ ask: async () => answer }) },
    });
    expect(lastResults(model)).toEqual([
      { text: typeof told === "string" ? told : expect.stringMatching(told), isError: false },
    ]);
  });

  test("waits as long as the answer takes", async () => {
    const model = await modelWith(inOrder(question, done));
    const answer = deferred<{ kind: "answered"; text: string; by: string }>();
    const asked = deferred<void>();
    const { run } = await prepareTurn({
      dir: dir(),
      model,
      input: {
        desk: aDesk({
          ask: () => {
            asked.resolve();
            return answer.promise;
          },
        }),
      },
    });
    const running = run();
    await asked.promise;
    answer.resolve({ kind: "answered", text: "red", by: "ada" });
    await expect(running).resolves.toMatchObject({ outcome: { kind: "finished" } });
  });
});
