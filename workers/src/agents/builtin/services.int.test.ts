import { useTempDir } from "@agentvine/testkit";
import { expect, test } from "vitest";
import type { ServiceReply } from "../agent-driver.ts";
import { call, done, inOrder, lastResults, modelWith, scriptedTurn } from "../testing/scripted-turn.ts";
import { eventsOf, someServices } from "../testing/turn-fixture.ts";

const dir = useTempDir();
const reply = (text: string, isError = false): ServiceReply<never> => ({ isError, text, data: null });
const apiKey = "sk-0123456789abcdef";

test("looks documents up, tells how far it is and proposes tasks without anybody's leave, and lets its key out by none of them", async () => {
  const seen: unknown[] = [];
  const model = await modelWith(
    inOrder(
      {
        calls: [
          { name: "get_context", input: { query: `ports ${apiKey}` } },
          { name: "report_progress", input: { message: `half ${apiKey}`, percent: 50 } },
          { name: "create_subtask", input: { title: "Next", description: apiKey, type: "docs" } },
        ],
      },
      done,
    ),
    apiKey,
  );
  const { result, events, transcripts } = await scriptedTurn({
    ...{ dir: dir(), model, config: { apiKey } },
    input: {
      ruleFor: () => undefined,
      services: someServices({
        getContext: async (query) => {
          seen.push(query);
          return reply("<<<DOCUMENT d1");
        },
        reportProgress: async (report) => {
          seen.push(report);
          return reply("Noted.");
        },
        createSubtask: async (fields) => {
          seen.push(fields);
          return reply("no more", true);
        },
      }),
    },
  });
  expect(result.outcome.kind).toBe("finished");
  expect(seen).toMatchObject([
    expect.stringMatching(/^ports /),
    { percent: 50 },
    { title: "Next", type: "docs" },
  ]);
  expect(JSON.stringify([seen, events, transcripts])).not.toContain(apiKey);
  expect(lastResults(model).map(({ text }) => text)).toEqual(["<<<DOCUMENT d1", "Noted.", "Error: no more"]);
  expect(eventsOf(events, "tool.ended").map(({ isError }) => isError)).toEqual([false, false, true]);
});

test("reads a document by the id it was told, and on from an offset; what is no id is explained", async () => {
  const wanted: unknown[] = [];
  const document = "0192f0c1-7a10-7c11-8a01-000000000031";
  const model = await modelWith(
    inOrder(
      {
        calls: [
          { name: "get_context", input: { document } },
          { name: "get_context", input: { document, offset: 20_000 } },
          { name: "get_context", input: { document: "the guide" } },
        ],
      },
      done,
    ),
  );
  await scriptedTurn({
    ...{ dir: dir(), model },
    input: {
      services: someServices({
        readDocument: async (read) => {
          wanted.push(read);
          return reply("<<<DOCUMENT d1");
        },
      }),
    },
  });
  expect(wanted).toEqual([{ documentId: document }, { documentId: document, offset: 20_000 }]);
  expect(lastResults(model).map(({ text }) => text)).toEqual([
    "<<<DOCUMENT d1",
    "<<<DOCUMENT d1",
    expect.stringMatching(/must be the id of a document/),
  ]);
});

test("that makes a plan is offered no way to propose tasks", async () => {
  const model = await modelWith(
    inOrder(call("create_subtask", { title: "t", description: "d", type: "docs" }), done),
  );
  await scriptedTurn({ dir: dir(), model, input: { isPlanning: true } });
  expect(lastResults(model)).toMatchObject([
    { isError: true, text: expect.stringMatching(/no tool create_subtask.*get_context/) },
  ]);
});
