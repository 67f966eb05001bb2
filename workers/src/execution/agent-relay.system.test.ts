import { readdir } from "node:fs/promises";
import { waitUntil } from "@agentvine/testkit";
import { describe, expect, it } from "vitest";
import { findTagged } from "../process/process-table.ts";
import { mcpAgent } from "../relay/testing/relay-client.ts";
import { runWorkOrder } from "./run-work-order.ts";
import { describeSums, type SetUp, useOrderWorld, type World } from "./testing/order-world.ts";

/** A command line as agent that makes the calls over MCP and then does its work. */
const agent = (calls: readonly (readonly [string, object])[], work: string = describeSums): string =>
  `'${process.execPath}' '${mcpAgent}' '${JSON.stringify(calls)}' && ${work}`;
const ask = [
  "ask_controller",
  { question: "Which word?", options: ["sums", "totals"], context: "two are used" },
] as const;

const resultsOf = ({ backend }: World): Record<string, unknown>[] =>
  backend.logLines
    .filter(({ source, message }) => source === "tool" && message.startsWith("{"))
    .map(({ message }) => JSON.parse(message));

describe("an agent that asks by the relay", { timeout: 90_000 }, () => {
  const { aWorld, runOf } = useOrderWorld();
  const begin = async (setUp: SetUp) => {
    const world = await aWorld(setUp);
    const run = runWorkOrder(world.context);
    const { decisions } = world.backend;
    const [request] = await waitUntil(() => (decisions.open().length > 0 ? decisions.open() : undefined), {
      timeoutMs: 60_000,
    });
    if (request === undefined) throw new Error("nothing was asked");
    return { world, run, request };
  };

  it("has the answer a person gives while it waits, in as many calls as that takes", async () => {
    const { world, run, request } = await begin({ script: agent([ask]), liveMsMax: 60_000 });
    expect(request).toMatchObject({
      ...{ kind: "question", question: "Which word?", reason: "two are used" },
      options: [{ label: "sums" }, { label: "totals" }],
    });
    // Longer than one call waits, which is a second here.
    await waitUntil(() => world.context.waiting.totalMs > 1_500, { timeoutMs: 30_000 });
    world.backend.decisions.answer(request.id, "sums, please");
    expect((await run)?.kind).toBe("complete");
    const [result] = resultsOf(world);
    expect(result).toMatchObject({
      isError: false,
      text: "Answer of ada: sums, please",
      data: { status: "answered", answer: "sums, please", by: "ada" },
    });
    expect(Number(result?.steps)).toBeGreaterThan(1);
    expect(world.backend.decisions.requests.size).toBe(1);
  });

  it("gets what a person writes meanwhile with the reply to its call, once, and is not run again for it", async () => {
    const progress = ["report_progress", { message: "half of it" }] as const;
    const { world, run, request } = await begin({ script: agent([ask, progress]), liveMsMax: 60_000 });
    world.backend.people.write("use tabs");
    world.backend.decisions.answer(request.id, "sums, please");
    expect((await run)?.kind).toBe("complete");
    const [answered, noted] = resultsOf(world);
    const message = expect.stringMatching(/^\[a person wrote to you.*Message from Ada: use tabs$/);
    expect(answered).toMatchObject({
      text: expect.stringMatching(/^Answer of ada: sums, please\n\n\[a person.*Message from Ada: use tabs$/),
      data: { answer: "sums, please", messages: [message] },
    });
    expect(noted).toMatchObject({ text: "Noted.", data: {} });
    expect(world.backend.logText).toContain("Ada wrote: use tabs");
    expect(world.backend.logText.match(/command: exit code 0/g)).toHaveLength(1);
  });

  it("parks when nobody answers in the time it may wait, and the next attempt begins with the answer", async () => {
    const first = await runOf({ script: agent([ask]), liveMsMax: 1_200 });
    const [request] = first.backend.decisions.open();
    expect(first.result).toMatchObject({ kind: "park", requestIds: [request?.id] });
    expect(resultsOf(first)).toMatchObject([
      {
        isError: false,
        text: expect.stringMatching(/end your turn now/),
        data: { pending: true, endTurn: true },
      },
    ]);
    first.backend.decisions.answer(request?.id ?? "", "sums");
    const checkpoint = first.backend.checkpoints.at(-1);
    if (checkpoint === undefined) throw new Error("no checkpoint");
    const second = await runOf({
      ...{ script: agent([ask]), liveMsMax: 1_200, backend: first.backend, worker: "another-machine" },
      claim: { checkpoint, attempt: 2 },
      payload: { followUp: "[1] sums", followUpKind: "answer" },
    });
    expect(second.prompts[0]).toMatch(/^You waited for this.*\n\n\[1\] sums/);
    if (second.result?.kind !== "complete") throw new Error(JSON.stringify(second.result));
    // Asked again by an agent without memory it is the same question, and answered.
    expect(first.backend.decisions.requests.size).toBe(1);
    expect(second.result.result).toMatchObject({ summary: expect.stringContaining("Answer of ada: sums") });
  });

  it("has refused what is too long, unknown or meant for another question, with field and remedy; nobody is asked", async () => {
    const calls = [
      ["ask_controller", { question: "MEGABYTE" }],
      ["ask_controller", {}],
      ["ask_controller", { ticket: "q99" }],
      ["report_progress", { message: "half", percent: 500 }],
      ["create_subtask", { title: "t", description: "d", type: "deploy" }],
      ["run_command", { command: "id" }],
    ] as const;
    const world = await runOf({ script: agent(calls) });
    expect(world.result?.kind).toBe("complete");
    const results = resultsOf(world);
    expect(results.map(({ isError }) => isError)).toEqual(calls.map(() => true));
    expect(results.map(({ text: said }) => said)).toEqual([
      expect.stringMatching(/- question: must have at most 10000 characters: ask in a few sentences/),
      expect.stringMatching(/- question: give either a question, or the ticket/),
      expect.stringMatching(/no such ticket.*Ask the question again/),
      expect.stringMatching(/- percent: must be a number from 0 to 100/),
      expect.stringMatching(/- type: must be one of feature, bugfix/),
      expect.stringMatching(/no tool "run_command"; the tools are ask_controller/),
    ]);
    expect(world.backend.decisions.requests.size).toBe(0);
  });

  it("leaves nothing of the relay alive when its work is looked at, whatever it does to keep it", async () => {
    const relay = `node -e '
      const { spawn } = require("node:child_process");
      const { agentvine } = JSON.parse(require("node:fs").readFileSync(process.env.AGENTVINE_MCP_CONFIG)).mcpServers;
      const stdio = ["pipe", "ignore", "ignore"];
      const env = { ...process.env, ...agentvine.env };
      const child = spawn(agentvine.command, agentvine.args, { stdio, env, detached: true });
      child.stdin.write("not the end");
      console.log("tag=" + env.AGENTVINE_RELAY + " pid=" + child.pid);
      process.kill(child.pid, "SIGSTOP");
      process.exit(0);'`;
    const world = await aWorld({ script: `${relay} && ${describeSums}` });
    const left: number[][] = [];
    const tag = () => /tag=(\S+) pid/.exec(world.backend.logText)?.[1] ?? "none";
    world.backend.onCheckpoint = () => left.push(findTagged(`AGENTVINE_RELAY=${tag()}`));
    expect((await runWorkOrder(world.context))?.kind).toBe("complete");
    expect(tag()).toContain("/s");
    expect(left).toEqual([[]]);
    expect(await readdir(world.context.layout.relay)).toEqual([]);
  });

  it("is told as any tool of an agent is, in the log and as progress", async () => {
    const world = await runOf({
      script: agent([
        ["report_progress", { message: "half of it", percent: 50 }],
        ["create_subtask", { title: "Mend zero", description: "d", type: "bugfix" }],
      ]),
    });
    expect(world.backend.reports).toContainEqual({ kind: "note", message: "half of it", percent: 50 });
    expect(world.backend.reports).toContainEqual(
      expect.objectContaining({ kind: "tool", name: "create_subtask", isError: false }),
    );
    expect(world.backend.logText).toContain("create_subtask: Mend zero");
  });

  it("works without a relay where none can be opened, and the log says so", async () => {
    const world = await aWorld({ script: `test -z "$AGENTVINE_MCP_CONFIG" && ${describeSums}` });
    const context = { ...world.context, openRelay: async () => null };
    expect((await runWorkOrder(context))?.kind).toBe("complete");
  });
});
