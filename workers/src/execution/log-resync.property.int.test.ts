import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ApiError, type Client, createClient } from "@agentvine/client";
import { endpoints, type LogChunk, type LogLine } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import {
  type BackendProcess,
  createRepository,
  propertyRuns,
  propertyTimeoutMs,
  startBackend,
  useTempDir,
  waitUntil,
} from "@agentvine/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSecretRedactor } from "../agents/secret-redactor.ts";
import { FakeClock } from "../base/testing/fake-clock.ts";
import { apiError, silentLogger } from "../base/testing/fakes.ts";
import { createExecutionApi } from "./execution-api.ts";
import { LogStreamer } from "./log-streamer.ts";

const dir = useTempDir();
let backend: BackendProcess;
let person: Client;
let worker: Client;
beforeAll(async () => {
  backend = await startBackend({ env: { AGENTVINE_LEASE_SECONDS: "3600" } });
  person = createClient({ baseUrl: backend.url, token: backend.token });
  const key = (await readFile(join(backend.home, "worker.key"), "utf8")).trim();
  worker = createClient({ baseUrl: backend.url, token: key });
});
afterAll(() => backend?.stop());

/** A fresh execution of a fresh task. */
async function startExecution() {
  const path = join(dir(), newId());
  await createRepository(path, { "a.txt": "a\n" });
  const instanceId = newId();
  const capabilities = {
    taskTypes: ["docs" as const],
    labels: [path.slice(-12)],
    agents: [{ driver: "builtin" as const, model: "scripted/demo", isScripted: true }],
    sandbox: { driver: "none" as const, isConfined: false },
  };
  const { worker: row } = await worker.call(endpoints.workers.register, {
    body: { name: `w-${instanceId}`, instanceId, version: "1", maxConcurrentTasks: 1, capabilities },
  });
  const body = {
    title: "Log",
    type: "docs" as const,
    repositoryUrl: path,
    requiredLabels: capabilities.labels,
  };
  await person.call(endpoints.tasks.create, { body });
  const claim = await worker.call(endpoints.queue.claim, {
    body: { workerId: row.id, instanceId, taskTypes: ["docs"], labels: [], slots: 1, waitSeconds: 10 },
  });
  if (claim === undefined) throw new Error("nothing to claim");
  const client = createClient({ baseUrl: backend.url, token: claim.attemptToken });
  return {
    id: claim.executionId,
    api: createExecutionApi(client, claim.executionId, createSecretRedactor([])),
  };
}

type Execution = Awaited<ReturnType<typeof startExecution>>;

const faults = ["none", "none", "request lost", "reply lost", "doubled", "late", "out of turn"] as const;
type Fault = (typeof faults)[number];

/** Sends over a network that loses, doubles and holds back what it carries. */
function sendOver(execution: Execution, plan: Fault[]) {
  const told: number[] = [];
  const heldBack: LogChunk[] = [];
  const strays: Promise<unknown>[] = [];
  const post = (chunk: LogChunk) => execution.api.appendLog(chunk, new AbortController().signal);
  const stray = (chunk: LogChunk) => {
    const sent = post(chunk).catch(() => undefined);
    strays.push(sent);
    return sent;
  };
  const send = async (chunk: LogChunk) => {
    const fault = plan.shift() ?? "none";
    if (fault === "request lost") throw apiError("server.unreachable");
    if (fault === "late") {
      heldBack.push(chunk);
      throw apiError("server.unreachable");
    }
    const early = fault === "out of turn" ? heldBack.shift() : undefined;
    if (early !== undefined) await stray(early);
    if (fault === "doubled") void stray(chunk);
    try {
      const reply = await post(chunk);
      if (fault === "reply lost") throw apiError("server.unreachable");
      told.push(reply.offset);
      return reply;
    } catch (error) {
      if (error instanceof ApiError && typeof error.data.offset === "number") told.push(error.data.offset);
      throw error;
    } finally {
      if (fault !== "out of turn") for (const one of heldBack.splice(0, 1)) void stray(one);
    }
  };
  return { send, told, settle: () => Promise.all(strays) };
}

function openStreamer(send: ReturnType<typeof sendOver>["send"], bytesMax?: number) {
  const clock = new FakeClock();
  const log = new LogStreamer({
    spoolPath: join(dir(), newId()),
    send,
    secrets: ["never-in-here"],
    onLeaseLost: () => undefined,
    logger: silentLogger,
    clock,
    sleep: clock.sleep,
    ...(bytesMax === undefined ? {} : { bytesMax }),
  });
  /** Lets everything arrive, however long it takes by its clock. */
  const finish = async (): Promise<boolean> => {
    let isDone = false;
    const flushed = log.flush(1e12).finally(() => {
      isDone = true;
    });
    await waitUntil(
      async () => {
        if (!isDone) await clock.advance(15_000);
        return isDone;
      },
      { timeoutMs: 30_000, intervalMs: 1 },
    );
    return await flushed;
  };
  return { log, clock, finish };
}

/** Everything that is stored of the log, in its order. */
async function readStored(executionId: string): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  for (let after = 0; ; ) {
    const page = await person.call(endpoints.executions.logs, {
      params: { executionId },
      query: { after, limit: 1_000 },
    });
    lines.push(
      ...page.items.map(({ loggedAt: at, level, source, stream, message }) => ({
        at,
        level,
        source,
        stream,
        message,
      })),
    );
    if (page.items.length < 1_000) return lines;
    after = page.next;
  }
}

const spooled = (log: LogStreamer): LogLine[] =>
  Buffer.from(log.readAll())
    .toString()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

const pipes = [
  ["agent", "stdout"],
  ["command", "stderr"],
] as const;
const bigText = Array.from({ length: 250 }, (_, n) => `${n} ${"x".repeat(200)}`).join("\n");
const output = fc.record({
  pipe: fc.constantFrom(...pipes),
  text: fc.oneof(
    {
      weight: 5,
      arbitrary: fc.string({ unit: fc.constantFrom("a", "é", "😀", "\n", " ", '"', "\\"), maxLength: 60 }),
    },
    { weight: 1, arbitrary: fc.constant(bigText) },
  ),
  cut: fc.nat(100),
  waitMs: fc.constantFrom(0, 0, 400, 2_000),
});

/** The lines that a source's output makes. */
const linesOf = (text: string): string[] => {
  const lines = text.split("\n");
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
};

describe("the log of an execution, over a network that loses, doubles, delays and reorders", () => {
  it(
    "is stored whole, once and in its order, and its offset never goes back",
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(output, { minLength: 1, maxLength: 15 }),
          fc.array(fc.constantFrom(...faults), { maxLength: 15 }),
          async (outputs, plan) => {
            const execution = await startExecution();
            const network = sendOver(execution, [...plan]);
            const { log, clock, finish } = openStreamer(network.send);
            try {
              for (const { pipe, text, cut, waitMs } of outputs) {
                const bytes = Buffer.from(text);
                const at = cut % (bytes.length + 1);
                for (const piece of [bytes.subarray(0, at), bytes.subarray(at)])
                  log.write(pipe[0], pipe[1], piece);
                await clock.advance(waitMs);
              }
              expect(await finish()).toBe(true);
              await network.settle();
              const stored = await readStored(execution.id);
              expect(stored).toEqual(spooled(log));
              for (const [source, stream] of pipes) {
                const sent = outputs.filter(({ pipe }) => pipe[0] === source).map(({ text }) => text);
                const messages = stored.filter((line) => line.source === source && line.stream === stream);
                expect(messages.map(({ message }) => message)).toEqual(linesOf(sent.join("")));
              }
              expect(network.told).toEqual([...network.told].sort((a, b) => a - b));
              const { logBytes } = await person.call(endpoints.executions.get, {
                params: { executionId: execution.id },
              });
              expect(logBytes).toBe(log.bytes);
            } finally {
              await log.close();
            }
          },
        ),
        propertyRuns(5, { isSlow: true }),
      );
    },
    propertyTimeoutMs(60_000),
  );

  it(
    "that is too long keeps its beginning, one mark, what the worker says, and tells how much is missing",
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 8_000, max: 40_000 }),
          fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 40, maxLength: 60 }),
          fc.array(fc.constantFrom(...faults), { maxLength: 8 }),
          async (bytesMax, lengths, plan) => {
            const execution = await startExecution();
            const network = sendOver(execution, [...plan]);
            const { log, clock, finish } = openStreamer(network.send, bytesMax);
            try {
              const lines = lengths.map((length, n) => `${n} ${"é".repeat(length)}`);
              log.write("command", "stdout", "never ended");
              for (const line of lines) {
                log.write("agent", "stdout", `${line}\n`);
                await clock.advance(100);
              }
              log.say("worker", "info", "the tests passed");
              expect(await finish()).toBe(true);
              await network.settle();
              const stored = await readStored(execution.id);
              expect(stored).toEqual(spooled(log));
              expect(log.bytes).toBeLessThanOrEqual(bytesMax);
              const head = stored.filter(({ source }) => source === "agent").map(({ message }) => message);
              expect(head).toEqual(lines.slice(0, head.length));
              const rest = stored.slice(head.length).map(({ message }) => message);
              const missing = Buffer.byteLength(
                lines
                  .slice(head.length)
                  .map((line) => `${line}\n`)
                  .join(""),
              );
              // What had no end when the log was full is left out as a line, with an end.
              const told = missing === 0 ? 0 : missing + "never ended\n".length;
              expect(log.droppedBytes).toBe(told);
              expect(rest).toEqual(
                missing === 0
                  ? ["the tests passed", "never ended"]
                  : [
                      expect.stringContaining("the log is full"),
                      "the tests passed",
                      `${told.toLocaleString("en-US")} bytes of output were left out of this log`,
                    ],
              );
            } finally {
              await log.close();
            }
          },
        ),
        propertyRuns(5, { isSlow: true }),
      );
    },
    propertyTimeoutMs(60_000),
  );
});
