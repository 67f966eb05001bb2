import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Client, createClient } from "@agentvine/client";
import { type Claim, endpoints } from "@agentvine/contracts";
import { newId, sleep, systemClock } from "@agentvine/kit";
import {
  type BackendProcess,
  createRepository,
  startBackend,
  type TempDir,
  tempDir,
} from "@agentvine/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSecretRedactor } from "../agents/secret-redactor.ts";
import { silentLogger } from "../base/testing/fakes.ts";
import { createExecutionApi } from "./execution-api.ts";
import { LogStreamer } from "./log-streamer.ts";

/** The same bytes in every run; another seed by hand. */
const seed = 20_261;
const lineCharsMax = 16_384;
const mebibyte = 1_048_576;

describe("output of any kind, from the streamer to the reader", { timeout: 60_000 }, () => {
  let dir: TempDir;
  let backend: BackendProcess;
  let client: Client;
  let worker: { workerId: string; instanceId: string; client: Client };

  beforeAll(async () => {
    dir = await tempDir();
    await createRepository(join(dir.path, "upstream"), { "README.md": "# A\n" });
    backend = await startBackend();
    client = createClient({ baseUrl: backend.url, token: backend.token });
    const token = (await readFile(join(backend.home, "worker.key"), "utf8")).trim();
    const workerClient = createClient({ baseUrl: backend.url, token });
    const instanceId = newId();
    const registered = await workerClient.call(endpoints.workers.register, {
      body: {
        name: "writer",
        instanceId,
        version: "0",
        maxConcurrentTasks: 256,
        capabilities: {
          taskTypes: ["docs"],
          labels: [],
          agents: [{ driver: "command", model: null, isScripted: false }],
          sandbox: { driver: "none", isConfined: false },
          toolchains: {},
        },
      },
    });
    worker = { workerId: registered.worker.id, instanceId, client: workerClient };
  });
  afterAll(async () => {
    await backend?.stop();
    await dir?.[Symbol.asyncDispose]();
  });

  const aClaim = async (): Promise<Claim> => {
    const { workerId, instanceId } = worker;
    await client.call(endpoints.tasks.create, {
      body: { title: "Print", type: "docs", repositoryUrl: join(dir.path, "upstream") },
    });
    const claim = await worker.client.call(endpoints.queue.claim, {
      body: { workerId, instanceId, taskTypes: ["docs"], labels: [], slots: 1, waitSeconds: 10 },
      idempotencyKey: newId(),
    });
    if (claim === undefined) throw new Error("nothing was leased");
    return claim;
  };
  /** Writes the pieces as an execution does, and reads the log as a person does. */
  const through = async (pieces: readonly (Uint8Array | string)[], bytesMax?: number) => {
    const { executionId, attemptToken } = await aClaim();
    const api = createExecutionApi(
      createClient({ baseUrl: backend.url, token: attemptToken }),
      executionId,
      createSecretRedactor([]),
    );
    const log = new LogStreamer({
      spoolPath: join(dir.path, executionId),
      send: (chunk, signal) => api.appendLog(chunk, signal),
      secrets: [],
      onLeaseLost: () => undefined,
      logger: silentLogger,
      clock: systemClock,
      sleep,
      ...(bytesMax === undefined ? {} : { bytesMax }),
    });
    try {
      for (const piece of pieces) log.write("agent", "stdout", piece);
      expect(await log.flush(30_000), "everything has arrived").toBe(true);
    } finally {
      await log.close();
    }
    const params = { executionId };
    const { items } = await client.call(endpoints.executions.logs, { params, query: { limit: 1_000 } });
    const execution = await client.call(endpoints.executions.get, { params });
    return { items, execution, log };
  };
  const cut = (bytes: Uint8Array, borders: readonly number[]): Uint8Array[] => {
    const at = [0, ...borders.map((border) => border % (bytes.length + 1)), bytes.length].toSorted(
      (a, b) => a - b,
    );
    return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
  };
  /** What is to be read of some text: its lines, cut at their greatest length, of characters that can be stored. */
  const expected = (text: string): string =>
    text
      .toWellFormed()
      .replaceAll("\u0000", "")
      .split(/\r\n|\n|\r/)
      .join("\n")
      .replace(/\n+$/, "");

  // Bytes as programs print them: letters, line ends, NUL, escapes, and whatever else there is.
  const someBytes = fc
    .array(
      fc.oneof(
        fc.uint8Array({ maxLength: 60 }),
        fc
          .constantFrom(
            "\u001b[31m",
            "\u001b]0;title\u0007",
            "\r\n",
            "\r",
            "\n",
            "\0",
            "ü€𝄞",
            "\ufeff",
            "\u2028",
          )
          .map((text) => Buffer.from(text)),
        fc
          .constantFrom([0xff, 0xfe], [0xc3], [0xed, 0xa0, 0x80], [0xf0, 0x9d, 0x84], [0xc0, 0x80])
          .map(Buffer.from),
        fc.integer({ min: 16_000, max: 40_000 }).map((length) => Buffer.alloc(length, "long ")),
      ),
      { maxLength: 12 },
    )
    .map((parts) => new Uint8Array(Buffer.concat(parts)));

  it("is read again as the text that its bytes are, wherever they were cut", async () => {
    await fc.assert(
      fc.asyncProperty(someBytes, fc.array(fc.nat(), { maxLength: 8 }), async (bytes, borders) => {
        const { items, execution } = await through(cut(bytes, borders));
        const messages = items.map(({ message }) => message);
        for (const message of messages) {
          expect(message.length).toBeLessThanOrEqual(lineCharsMax);
          expect(message.isWellFormed() && !message.includes("\u0000")).toBe(true);
        }
        const text = expected(Buffer.from(bytes).toString("utf8"));
        expect(rejoined(messages)).toBe(rejoined(text.split("\n")));
        expect(execution.stdoutLog.isWellFormed()).toBe(true);
      }),
      { numRuns: 20, seed },
    );
  });

  it("may be text with halves of characters, from a model for example", async () => {
    const text = fc.string({ unit: "binary", maxLength: 200 });
    const half = fc.constantFrom("\ud83d", "\ude00", "\ud800\ud800", "\udfff\ud800");
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(text, half), { maxLength: 6 }), async (pieces) => {
        const { items } = await through(pieces);
        const messages = items.map(({ message }) => message);
        expect(messages.every((message) => message.isWellFormed() && !message.includes("\u0000"))).toBe(true);
        expect(rejoined(messages)).toBe(rejoined(expected(pieces.join("")).split("\n")));
      }),
      { numRuns: 10, seed },
    );
  });

  it("one line of 100 MB is cut into pieces and capped, and the memory stays small", async () => {
    const piece = Buffer.alloc(65_536, "x");
    const before = process.memoryUsage.rss();
    const { items, execution, log } = await through(
      Array.from({ length: 1_600 }, () => piece),
      mebibyte,
    );
    expect(process.memoryUsage.rss() - before).toBeLessThan(100 * mebibyte);
    expect(log.bytes).toBeLessThanOrEqual(mebibyte);
    expect(log.droppedBytes).toBeGreaterThan(100_000_000);
    expect(items[0]?.message).toBe("x".repeat(lineCharsMax));
    expect(execution.stdoutLog).toMatch(/xxx\n[\d,]+ bytes of output were left out of this log\n$/);
    const told = await client.call(endpoints.executions.logs, {
      params: { executionId: execution.id },
      query: { level: "warn", limit: 10 },
    });
    expect(told.items.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^\[the log is full: /),
      expect.stringMatching(/^[\d,]+ bytes of output were left out of this log$/),
    ]);
  });
});

/** The text alone: where long lines were cut is no matter, and how lines are told apart is the splitter's own test. */
const rejoined = (lines: readonly string[]): string => lines.join("\u241e").replaceAll("\u241e", "");
