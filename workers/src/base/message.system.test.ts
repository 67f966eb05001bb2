import { type Conversation, endpoints, type Message, type Task } from "@agentvine/contracts";
import { waitUntil } from "@agentvine/testkit";
import { describe, expect, it } from "vitest";
import { always, modelWith } from "../agents/testing/scripted-turn.ts";
import { patient, scriptedAgent, useFleet } from "./testing/fleet.ts";

/** People write in the conversation of a task; the agent runs in a worker process, against the real backend. */
describe("a person's message", { timeout: 120_000 }, () => {
  const { client, aName, aWorker, aTask, until } = useFleet();

  /** Goes on reading until it is told what to write, writes that, and says so. */
  const aListener = () =>
    modelWith(
      always(({ phases }) => {
        const told = phases
          .map(({ instruction }) => /write: (.*)$/m.exec(instruction)?.[1])
          .findLast(Boolean);
        const results = phases.flatMap(({ turns }) => turns.flatMap((turn) => turn.results));
        if (told === undefined)
          return { calls: [{ name: "run_command", input: { command: "sleep 1; date +%N" } }] };
        return results.some(({ call }) => call.name === "write_file")
          ? { text: "done" }
          : {
              text: `I write ${told}.`,
              calls: [{ name: "write_file", input: { path: "GUIDE.md", content: `# Guide\n\n${told}\n` } }],
            };
      }),
    );
  const setUp = async () => {
    const model = await aListener();
    const label = aName();
    const start = () =>
      aWorker({
        env: {
          ...scriptedAgent(label, model),
          AGENTVINE_WORKER_STEPS_MAX: "500",
        },
      });
    const worker = start();
    await worker.ready;
    const task = await aTask(label);
    const conversation = await client().call(endpoints.chat.createConversation, {
      body: { taskId: task.id },
    });
    await until(task, "in_progress");
    return { model, start, worker, task, conversation };
  };
  const write = ({ id }: Conversation, content: string): Promise<Message> =>
    client().call(endpoints.chat.postMessage, { params: { conversationId: id }, body: { content } });
  const messagesOf = async ({ id }: Conversation): Promise<Message[]> =>
    (await client().call(endpoints.chat.listMessages, { params: { conversationId: id } })).items;
  const diffOf = async (task: Task): Promise<string> =>
    (await client().call(endpoints.tasks.diff, { params: { taskId: task.id } })).patch;

  it("reaches the running agent at its next step, and its reply stands in the conversation", async () => {
    const { task, conversation } = await setUp();
    await write(conversation, "write: tabs, not spaces");
    // By the very attempt that ran: to be written to costs it nothing.
    expect((await until(task, "completed")).runs).toBe(1);
    expect(await diffOf(task)).toContain("+tabs, not spaces");
    const messages = await messagesOf(conversation);
    expect(
      messages.map(({ senderKind, content, deliveryStatus }) => ({ senderKind, content, deliveryStatus })),
    ).toEqual([
      { senderKind: "person", content: "write: tabs, not spaces", deliveryStatus: "delivered" },
      {
        senderKind: "agent",
        content: expect.stringContaining("I write tabs, not spaces."),
        deliveryStatus: null,
      },
    ]);
  });

  it("survives the worker that took it: the next attempt is told again, or remembers", async () => {
    const { model, start, worker, task, conversation } = await setUp();
    const said = await write(conversation, "remember the milk");
    await waitUntil(async () => (await messagesOf(conversation))[0]?.deliveryStatus === "delivered", {
      ...patient,
      message: "the message to be taken",
    });
    worker.signal("SIGKILL");
    await start().ready;
    const asked = () =>
      model.requests.map(({ body }) => JSON.stringify(body)).filter((body) => body.includes("messages"));
    const before = asked().length;
    await waitUntil(() => asked().length > before + 1, { ...patient, message: "the next attempt to ask" });
    // Once, whichever way it came back.
    expect(asked().at(-1)?.split("remember the milk")).toHaveLength(2);
    await write(conversation, "write: milk");
    expect((await until(task, "completed")).runs).toBe(2);
    expect(await diffOf(task)).toContain("+milk");
    expect(said.deliveryStatus).toBe("queued");
  });
});
