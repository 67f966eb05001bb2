import { join } from "node:path";
import { ApiError } from "@agentvine/client";
import { type LogChunk, type LogLine, logLineSchema } from "@agentvine/contracts";
import { useTempDir } from "@agentvine/testkit";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { FakeClock } from "../base/testing/fake-clock.ts";
import { apiError, silentLogger } from "../base/testing/fakes.ts";
import { createLineSplitter } from "./line-splitter.ts";
import { LogSpool } from "./log-spool.ts";
import { LogStreamer } from "./log-streamer.ts";

describe("LogStreamer", () => {
  const dir = useTempDir();

  /** A streamer over a store that keeps the stream as the backend does: by offset, 416 for a gap or an overlap. */
  const aStreamer = (setUp: { bytesMax?: number; storeMax?: number } = {}) => {
    const clock = new FakeClock();
    const faults: (Error | "lose_reply")[] = [];
    const chunks: LogChunk[] = [];
    let stored = "";
    let leasesLost = 0;
    const storedBytes = () => Buffer.byteLength(stored);
    const log = new LogStreamer({
      spoolPath: join(dir(), "log"),
      send: async (chunk) => {
        chunks.push(chunk);
        const fault = faults.shift();
        if (fault instanceof Error) throw fault;
        if (chunk.offset !== storedBytes()) {
          throw new ApiError("execution.log_offset", "gap", { data: { offset: storedBytes() } });
        }
        stored += chunk.text;
        if (fault === "lose_reply") throw apiError("server.unreachable");
        return {
          offset: storedBytes(),
          isFull: storedBytes() >= (setUp.storeMax ?? Number.POSITIVE_INFINITY),
        };
      },
      secrets: ["top-secret-value"],
      onLeaseLost: () => {
        leasesLost += 1;
      },
      logger: silentLogger,
      clock,
      sleep: clock.sleep,
      ...(setUp.bytesMax === undefined ? {} : { bytesMax: setUp.bytesMax }),
    });
    onTestFinished(() => log.close());
    const lines = (): LogLine[] =>
      stored
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => logLineSchema.parse(JSON.parse(line)));
    const messages = () => lines().map(({ message }) => message);
    return { log, clock, faults, chunks, lines, messages, leasesLost: () => leasesLost };
  };

  it("sends a waiting line within a second and not before", async () => {
    const { log, clock, chunks, lines } = aStreamer();
    log.write("tool", "stderr", "hello\n");
    await clock.advance(999);
    expect(chunks).toHaveLength(0);
    await clock.advance(1);
    expect(lines()).toEqual([
      { at: "2026-01-01T00:00:00.000Z", level: "info", source: "tool", stream: "stderr", message: "hello" },
    ]);
  });

  it("sends at once when 64 KiB wait, in pieces of whole lines", async () => {
    const { log, clock, chunks, messages } = aStreamer();
    for (let line = 0; line < 200; line += 1) log.write("agent", "stdout", `${line} ${"x".repeat(1_000)}\n`);
    await clock.advance(0);
    expect(chunks.length).toBeGreaterThan(1);
    expect(chunks.every(({ text }) => text.endsWith("\n") && text.length < 262_144)).toBe(true);
    await clock.advance(1_000);
    expect(messages().map((message) => Number.parseInt(message, 10))).toEqual([...Array(200).keys()]);
  });

  it("loses and doubles nothing when requests and replies get lost", async () => {
    const { log, clock, faults, messages, chunks } = aStreamer();
    faults.push(apiError("server.unreachable"), "lose_reply");
    log.write("agent", "stdout", "one\ntwo\n");
    await clock.advance(60_000);
    log.write("agent", "stdout", "three\n");
    await clock.advance(60_000);
    expect(messages()).toEqual(["one", "two", "three"]);
    expect(chunks.length).toBeGreaterThan(3);
  });

  it("waits with the next try as long as it is told", async () => {
    const { log, clock, faults, chunks } = aStreamer();
    faults.push(apiError("request.rate_limited", { retryAfterMs: 30_000 }));
    log.write("agent", "stdout", "one\n");
    await clock.advance(30_999);
    expect(chunks).toHaveLength(1);
    await clock.advance(10_001);
    expect(chunks).toHaveLength(2);
  });

  it("stores lines of at most 16 KiB, without NUL, as valid text", async () => {
    const { log, clock, lines } = aStreamer();
    log.write(
      "command",
      "stdout",
      Buffer.concat([Buffer.alloc(40_000, "a"), Buffer.from([0, 0xff, 0xc3, 0x0a])]),
    );
    log.write("command", "stdout", Buffer.from([0xc3]));
    log.write("command", "stdout", Buffer.from([0xa9, 0x0a]));
    await clock.advance(2_000);
    const all = lines().map(({ message }) => message);
    expect(all.map((message) => message.length)).toEqual([16_384, 16_384, 40_000 - 2 * 16_384 + 2, 1]);
    expect(all.join("")).not.toContain("\u0000");
    expect(all[2]?.endsWith("a\ufffd\ufffd")).toBe(true);
    expect(all[3]).toBe("é");
  });

  it("takes secrets out, also across chunks and in what the worker says", async () => {
    const { log, messages } = aStreamer();
    log.write("tool", "stdout", "it is top-sec");
    log.write("tool", "stdout", "ret-value now\n");
    log.say("worker", "error", "failed: top-secret-value\nreally");
    await log.flush(1_000);
    expect(messages()).toEqual(["it is [redacted] now", "failed: [redacted]", "really"]);
  });

  it("flushes lines that never ended, and tells whether all arrived", async () => {
    const world = aStreamer();
    world.log.write("gate", "stdout", "no line end");
    expect(await world.log.flush(1_000)).toBe(true);
    expect(world.messages()).toEqual(["no line end"]);
  });

  it("gives flushing up when the time is over", async () => {
    const { log, clock, faults } = aStreamer();
    faults.push(...Array.from({ length: 100 }, () => apiError("server.unreachable")));
    log.write("gate", "stdout", "lost\n");
    const flushed = log.flush(3_000);
    await clock.advance(3_000);
    expect(await flushed).toBe(false);
  });

  it("cuts a flood with a visible mark, and still keeps what the worker itself says", async () => {
    const { log, messages } = aStreamer({ bytesMax: 20_000 });
    for (let line = 0; line < 1_000; line += 1) log.write("command", "stdout", `${"y".repeat(100)}\n`);
    log.say("worker", "info", "the tests passed");
    expect(await log.flush(1_000)).toBe(true);
    expect(messages().filter((message) => message.includes("the log is full"))).toHaveLength(1);
    expect(messages().at(-2)).toBe("the tests passed");
    expect(messages().at(-1)).toMatch(/bytes of output were left out/);
    expect(log.bytes).toBeLessThanOrEqual(20_000);
    expect(log.droppedBytes).toBeGreaterThan(50_000);
  });

  it("sends no more when the backend is full", async () => {
    const { log, clock, chunks } = aStreamer({ storeMax: 10 });
    log.write("agent", "stdout", "one\n");
    await clock.advance(1_000);
    log.write("agent", "stdout", "two\n");
    await clock.advance(5_000);
    expect(chunks).toHaveLength(1);
  });

  it("tells that the lease is lost, once, and falls silent", async () => {
    const { log, clock, faults, leasesLost } = aStreamer();
    faults.push(apiError("work_order.lease_lost"), apiError("work_order.lease_lost"));
    log.write("agent", "stdout", "one\n");
    await clock.advance(5_000);
    log.write("agent", "stdout", "two\n");
    await clock.advance(5_000);
    expect(leasesLost()).toBe(1);
  });

  it("falls silent when the backend rejects a chunk, or has more than was ever written", async () => {
    const rejected = aStreamer();
    rejected.faults.push(apiError("request.invalid"));
    rejected.log.write("agent", "stdout", "one\n");
    await rejected.clock.advance(30_000);
    expect([rejected.chunks.length, rejected.leasesLost()]).toEqual([1, 0]);
    const ahead = aStreamer();
    ahead.faults.push(new ApiError("execution.log_offset", "gap", { data: { offset: 1_000_000 } }));
    ahead.log.write("agent", "stdout", "one\n");
    await ahead.clock.advance(30_000);
    expect(ahead.chunks).toHaveLength(1);
  });

  it("keeps everything on disk for the artifact, also what was never sent", async () => {
    const { log, faults } = aStreamer();
    faults.push(apiError("request.invalid"));
    log.write("agent", "stdout", "one\ntwo\n");
    expect(Buffer.from(log.readAll()).toString("utf8").trim().split("\n")).toHaveLength(2);
  });
});

describe("LogSpool", () => {
  const dir = useTempDir();

  it("refuses what the disk does not take, and counts what is told to be missing", () => {
    const spool = new LogSpool(join(dir(), "spool"), 1_000);
    expect(spool.append("first\n", false)).toBe(true);
    spool.close();
    expect(spool.append("second\n", false)).toBe(false);
    spool.drop(7);
    expect([spool.bytes, spool.droppedBytes]).toEqual([6, 7]);
  });

  it("reads a line that is longer than a batch whole", () => {
    const spool = new LogSpool(join(dir(), "spool"));
    spool.append(`${"z".repeat(5_000)}\n`, false);
    spool.append("next\n", false);
    expect(spool.read(0, 100).text).toMatch(/^z{5000}\nnext\n$/);
    expect(spool.read(5_001, 100).text).toBe("next\n");
    expect(spool.read(5_006, 100)).toEqual({ text: "", bytes: 0 });
    spool.close();
  });
});

describe("createLineSplitter", () => {
  it("gives the same text however it is cut, in lines that are never too long", () => {
    const piece = fc.string({ unit: fc.constantFrom("a", "\n", "\r", "😀", " "), maxLength: 30 });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
        const splitter = createLineSplitter(7);
        const lines = [...pieces.flatMap((text) => splitter.push(text)), ...splitter.end()];
        expect(lines.every((line) => line.length <= 7 && !/\p{Surrogate}/u.test(line))).toBe(true);
        expect(lines.join("")).toBe(pieces.join("").replaceAll(/[\r\n]/g, ""));
      }),
    );
  });
});
