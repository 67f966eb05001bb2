import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { deferred, newId } from "@agentvine/kit";
import type { Conversation, Reply, Scenario } from "@agentvine/scripted-model";
import { waitUntil } from "@agentvine/testkit";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Running, type Site, startSite } from "./testing/site.ts";

const answer = (input: Record<string, unknown>): Reply => ({ calls: [{ name: "answer", input }] });

const earlier = "Which port does the service use?";
const document = "Ports of the services";

/** Cites the source of that title, when it was shown. */
const cite = ({ phases }: Conversation, title: string, quote: string) => {
  const shown = [...(phases[0]?.instruction ?? "").matchAll(/<<<SOURCE (S\d+) \(\w+\)\n(.*)/g)];
  const label = shown.find(([, , line]) => line === title)?.[1];
  return { source: label ?? "S?", quote };
};

/** What the model does when the question holds a word. */
const told: Record<string, (conversation: Conversation) => Reply> = {
  GROUNDED: (conversation) =>
    answer({ answer: "80, as always", confidence: 0.95, citations: [cite(conversation, earlier, "80")] }),
  DOCUMENT: (conversation) =>
    answer({ answer: "8080", confidence: 0.9, citations: [cite(conversation, document, "8080")] }),
  MISQUOTED: (conversation) =>
    answer({ answer: "443", confidence: 1, citations: [cite(conversation, earlier, "443")] }),
  PROSE: () => ({ text: "It should surely be port 80, I would say." }),
  MENDED: ({ phases }) =>
    phases.length > 1
      ? answer({ answer: "80", confidence: 0.9, citations: [{ source: "S1" }] })
      : { text: "Well, 80." },
  INVENTED: () => answer({ answer: "80", confidence: 1, citations: [{ source: "S9", quote: "80" }] }),
  UNSURE: () => answer({ answer: "80", confidence: 0.3, citations: [{ source: "S1" }] }),
  FLOATING: () => answer({ answer: "80", confidence: 1, citations: [] }),
  OTHER: () => answer({ choice: "approve", answer: "yes", confidence: 1, citations: [{ source: "S1" }] }),
  REFUSES: () => ({ text: "I can't help with that.", stop: "refusal" }),
  CUT: () => ({ text: "It is", stop: "max_tokens" }),
  APPROVES: () => answer({ choice: "allow", answer: "fine", confidence: 1, citations: [] }),
};

const scenarios: Scenario[] = Object.entries(told).map(([word, respond]) => ({
  name: word,
  matches: (prompt) => prompt.includes(word),
  respond,
}));

let site: Site;
let controller: Running | undefined;
beforeAll(async () => {
  site = await startSite(scenarios);
  await site.precedent(earlier, "80");
});
afterAll(() => site[Symbol.asyncDispose]());
afterEach(async () => {
  await controller?.stop();
  controller = undefined;
});

/** A question that shares words with the earlier answer, so that there is a source. */
const ask = async (word: string, change = {}) =>
  await site.raise(await site.run(), {
    question: `Which port does the service use here ${word} ${newId()}?`,
    ...change,
  });

/** How an answer of the Messages API begins. */
const begun = JSON.stringify({
  type: "message_start",
  message: {
    ...{ id: "m", type: "message", role: "assistant", model: "demo", content: [] },
    ...{ stop_reason: null, stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 } },
  },
});

/** Takes requests and answers none; with `begins` it says that it has taken them. */
async function startSilentServer({ begins = false } = {}) {
  const asked = deferred<void>();
  const server = createServer((_request, response) => {
    if (begins) response.writeHead(200, { "content-type": "text/event-stream" }).write(`data: ${begun}\n\n`);
    asked.resolve();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked: asked.promise,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe("a question that a rule routes to a model", () => {
  test("is answered from an earlier answer of a person, cited, with what it cost", async () => {
    controller = await site.startController();
    const request = await ask("GROUNDED");
    expect(request.status).toBe("automated");
    const { answer: given, status } = await site.settled(request.id);
    expect(status).toBe("answered");
    expect(given).toMatchObject({
      source: "controller",
      sourceId: controller.controllerId,
      text: "80, as always",
      confidence: 0.95,
      citations: [{ kind: "precedent", title: "Which port does the service use?", quote: "80" }],
    });
    expect(given?.usage?.inputTokens).toBeGreaterThan(0);
    const proposed = await waitUntil(
      async () => (await site.proposedDocuments()).find(({ title }) => title === request.question),
      { message: "the answer to be proposed as a document" },
    );
    expect(proposed).toMatchObject({ status: "proposed", author: controller.controllerId });
  });

  test("is answered from a context document, which it cites by its version", async () => {
    controller = await site.startController();
    const { id, version } = await site.document(document, "The quokka service listens on 8080.");
    const question = `On which port does the quokka service listen DOCUMENT ${newId()}?`;
    const request = await site.raise(await site.run(), { question });
    expect((await site.settled(request.id)).answer).toMatchObject({
      text: "8080",
      citations: [{ kind: "document", id, version, title: "Ports of the services" }],
    });
    // What stands in a document needs no other one.
    const titles = (await site.proposedDocuments()).map(({ title }) => title);
    expect(titles).not.toContain(question);
  });

  test("is answered after one repair when the model wrote prose first", async () => {
    controller = await site.startController();
    expect((await site.settled((await ask("MENDED")).id)).answer?.text).toBe("80");
  });

  test.each([
    ["writes prose", "PROSE", "was not what was asked for"],
    ["cites what it was not shown", "INVENTED", "cited something it was not shown"],
    ["quotes what does not stand there", "MISQUOTED", "quoted words that do not stand in what it cites"],
    ["is not sure", "UNSURE", "was not sure enough"],
    ["rests on nothing", "FLOATING", "rests on no document and no earlier answer"],
    ["chooses what was not offered", "OTHER", "chose something that was not offered"],
    ["refuses", "REFUSES", "refused to answer"],
    ["is cut off", "CUT", "cut off"],
  ])("goes to a person, with the reason, when the model %s", async (_name, word, reason) => {
    controller = await site.startController();
    const request = await site.withPerson((await ask(word)).id);
    expect(request.routeReason).toContain(reason);
    expect(request.answer).toBeNull();
  });

  test("goes to a person at once when nothing is written about it, without asking the model", async () => {
    controller = await site.startController();
    const asked = site.model.requests.length;
    const request = await site.raise(await site.run(), { question: `Zyzzyva? ${newId()}` });
    expect((await site.withPerson(request.id)).routeReason).toContain("no document and no earlier answer");
    expect(site.model.requests).toHaveLength(asked);
  });

  test.each([
    ["no model is configured", { model: null }, "has no model"],
    [
      "the model can't be reached",
      {
        model: {
          model: "scripted/demo",
          apiKey: undefined,
          baseUrl: "http://127.0.0.1:1/v1",
          isScripted: true,
        },
      },
      "can't be reached",
    ],
  ])("goes to a person within ten seconds when %s", async (_name, change, reason) => {
    controller = await site.startController(change);
    const startedMs = performance.now();
    const request = await site.withPerson((await ask("GROUNDED")).id);
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    expect(request.routeReason).toContain(reason);
  });

  test("goes to a person within ten seconds when the model takes the question and never says a word", async () => {
    await using silent = await startSilentServer();
    const model = { model: "scripted/demo", apiKey: undefined, baseUrl: silent.url, isScripted: true };
    controller = await site.startController({ model });
    const { id } = await ask("GROUNDED");
    const startedMs = performance.now();
    const request = await site.withPerson(id);
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    expect(request.routeReason).toContain("nothing came for 6 s");
  });

  test("goes to a person when the model stops in the middle of its words", async () => {
    controller = await site.startController({ silenceMsMax: 300 });
    site.model.inject({ kind: "stall" });
    expect((await site.withPerson((await ask("GROUNDED")).id)).routeReason).toContain("nothing came for");
  });

  test("stays with a model that took it and thinks, until its thinking time is over", async () => {
    await using thinker = await startSilentServer({ begins: true });
    const model = { model: "scripted/demo", apiKey: undefined, baseUrl: thinker.url, isScripted: true };
    controller = await site.startController({ model, silenceMsMax: 1_000, thinkingMsMax: 4_000 });
    const request = await site.withPerson((await ask("GROUNDED")).id);
    expect(request.routeReason).toContain("did not answer in time");
  });

  test("goes to a person, with the reason, when the controller is stopped while it thinks", async () => {
    await using silent = await startSilentServer();
    const model = { model: "scripted/demo", apiKey: undefined, baseUrl: silent.url, isScripted: true };
    const running = await site.startController({ model, silenceMsMax: 60_000, graceMs: 0 });
    const { id } = await ask("GROUNDED");
    await silent.asked;
    await running.stop();
    const request = await site.get(id);
    expect([request.status, request.routeReason]).toEqual([
      "human",
      expect.stringContaining("the controller was stopped while it thought"),
    ]);
  });

  test("leaves its way in the log, with every id, the rule and the version of the policy", async () => {
    const lines: string[] = [];
    controller = await site.startController({}, (line) => lines.push(line));
    const { id } = await ask("GROUNDED");
    const { taskId, workOrderId, executionId, attempt, ruleId, policyVersion } = await site.settled(id);
    const about = await waitUntil(() => {
      const told = lines.map((line) => JSON.parse(line)).filter(({ requestId }) => requestId === id);
      return told.some(({ msg }) => msg === "answered") ? told : undefined;
    });
    expect(about.map(({ msg }) => msg).slice(0, 2)).toEqual(["leased", "answered"]);
    for (const line of about)
      expect(line).toMatchObject({
        ...{ controllerId: controller.controllerId, taskId, workOrderId, executionId, attempt },
        ...{ ruleId, policyVersion, generation: 1, correlationId: expect.any(String) },
      });
  });

  test("leaves what its model used, also where a person has to answer in the end", async () => {
    controller = await site.startController();
    const { id } = await ask("UNSURE");
    await site.withPerson(id);
    await site.answer(id, "81");
    const { answer: given } = await site.get(id);
    expect(given).toMatchObject({ source: "person", text: "81" });
    expect(given?.usage?.inputTokens).toBeGreaterThan(0);
    expect(given?.usage?.outputTokens).toBeGreaterThan(0);
  });

  test("goes to a person when the model fails with an error of its server", async () => {
    controller = await site.startController();
    site.model.inject({ kind: "status", status: 500 });
    expect((await site.withPerson((await ask("GROUNDED")).id)).routeReason).toContain("500");
  });
});

describe("a model that approves everything", () => {
  test("approves nothing that no rule routed to it", async () => {
    controller = await site.startController();
    const approval = {
      subject: "tool_call" as const,
      tool: "run_command",
      toolClass: "command" as const,
      arguments: { command: "git push --force # APPROVES" },
      command: "git push --force # APPROVES",
      paths: [],
    };
    const request = await site.raise(await site.run(), { kind: "approval", question: "APPROVES", approval });
    expect(request.status).toBe("human");
    // Something that comes later is answered: the controller has had its chance.
    await site.settled((await ask("GROUNDED")).id);
    expect((await site.get(request.id)).status).toBe("human");
  });

  test("may approve what a rule gave to it by name", async () => {
    controller = await site.startController();
    const approval = {
      subject: "tool_call" as const,
      tool: "run_command",
      toolClass: "command" as const,
      arguments: { command: "make lint" },
      command: "make lint",
      paths: [],
    };
    const request = await site.raise(await site.run(), { kind: "approval", question: "APPROVES", approval });
    expect(request.status).toBe("automated");
    expect((await site.settled(request.id)).answer).toMatchObject({
      source: "controller",
      decision: "allow",
    });
  });
});

describe("controllers", () => {
  test("share the work: each request is answered once, also when there are several", async () => {
    const two = await site.startController();
    controller = await site.startController();
    const requests: Awaited<ReturnType<typeof ask>>[] = [];
    for (let count = 0; count < 12; count += 1) requests.push(await ask("GROUNDED"));
    const settled = await Promise.all(requests.map(({ id }) => site.settled(id)));
    expect(settled.map(({ status }) => status)).toEqual(requests.map(() => "answered"));
    await two.stop();
  });

  test("end in an orderly way, and are then told to be offline", async () => {
    const running = await site.startController();
    await running.stop();
    const response = await fetch(new URL("/api/v1/controllers", site.backend.url), {
      headers: { authorization: `Bearer ${site.backend.token}` },
    });
    const { items } = (await response.json()) as { items: { id: string; status: string }[] };
    expect(items.find(({ id }) => id === running.controllerId)?.status).toBe("offline");
  });

  test("end when another process takes their name", async () => {
    const first = await site.startController({ name: "the-one" });
    controller = await site.startController({ name: "the-one" });
    await expect(first.done).rejects.toMatchObject({ code: "controller.superseded" });
  });
});
