import type { Claim, ExecutionLog, LogLevel } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { waitUntil } from "@agentvine/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { buildWorkFixture, type TestWorker, type WorkFixture } from "../../testing/work-fixture.ts";
import { logBytesMax } from "./execution.ts";

interface ExecutionLogList {
  items: ExecutionLog[];
  next: number;
  isComplete: boolean;
}

let work: WorkFixture;
let worker: TestWorker;
let claim: Claim;
beforeAll(async () => {
  work = await buildWorkFixture();
  worker = await work.registerWorker({ slots: 200 });
});
afterAll(() => work.close());
beforeEach(async () => {
  await work.sql("delete from tasks");
  await work.createTask();
  claim = await work.mustClaim(worker);
});

const aLine = (message: string, more: Record<string, unknown> = {}) =>
  `${JSON.stringify({ at: "2026-01-01T00:00:00.000Z", level: "info", source: "agent", message, ...more })}\n`;

interface Reply {
  offset?: number;
  isFull?: boolean;
  error?: { code: string; data?: { offset?: number } };
}

const send = (offset: number, text: string, token = claim.attemptToken) =>
  work.app.request<Reply>("POST", `/api/v1/executions/${claim.executionId}/logs`, {
    token,
    body: { offset, text },
  });

const read = async (query = "", executionId = claim.executionId) =>
  (await work.app.request<ExecutionLogList>("GET", `/api/v1/executions/${executionId}/logs${query}`)).body;

/** Everything that is stored, page by page. */
async function readAll(limit = 1_000) {
  const items: ExecutionLogList["items"] = [];
  for (let after = 0; ; ) {
    const page = await read(`?after=${after}&limit=${limit}`);
    items.push(...page.items);
    if (page.items.length < limit) return items;
    after = page.next;
  }
}

const messages = async () => (await readAll()).map((line) => line.message);

describe("POST /api/v1/executions/:executionId/logs", () => {
  it("200 stores lines in their order and says where the next chunk starts", async () => {
    const text =
      aLine("one", { stream: "stderr", level: "warn", metadata: { tool: "npm" } }) + aLine("zwölf");
    const first = await send(0, text);
    expect([first.status, first.body]).toEqual([200, { offset: Buffer.byteLength(text), isFull: false }]);
    await send(first.body.offset ?? 0, aLine("three"));
    const { items, isComplete } = await read();
    expect(
      items.map(({ message, level, stream, metadata, loggedAt }) => [
        message,
        level,
        stream,
        metadata,
        loggedAt,
      ]),
    ).toEqual([
      ["one", "warn", "stderr", { tool: "npm" }, "2026-01-01T00:00:00.000Z"],
      ["zwölf", "info", "stdout", {}, "2026-01-01T00:00:00.000Z"],
      ["three", "info", "stdout", {}, "2026-01-01T00:00:00.000Z"],
    ]);
    expect(isComplete).toBe(false);
  });

  it("416 tells the end of the stored log for a gap, a repeat and an overlap, and stores nothing", async () => {
    const text = aLine("one");
    await send(0, text);
    for (const offset of [text.length + 1, 0, text.length - 3]) {
      const { status, body } = await send(offset, aLine("two"));
      expect([status, body.error]).toMatchObject([
        416,
        { code: "execution.log_offset", data: { offset: text.length } },
      ]);
    }
    expect(await messages()).toEqual(["one"]);
  });

  it("of two chunks that come at the same moment for the same place, one is stored", async () => {
    const replies = await Promise.all(["a", "b", "c", "d"].map((name) => send(0, aLine(name))));
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 416, 416, 416]);
    expect(await messages()).toHaveLength(1);
  });

  it("200 for an empty chunk, which asks for the offset", async () => {
    await send(0, aLine("one"));
    expect((await send(aLine("one").length, "")).body).toEqual({
      offset: aLine("one").length,
      isFull: false,
    });
  });

  it("stores NUL, invalid bytes and escape sequences as text that can be read again", async () => {
    const body = `{"offset":0,"text":${JSON.stringify(aLine("a\u0000b \u001b[1mc \ud800"))}}`;
    const response = await fetch(`${work.app.url}/api/v1/executions/${claim.executionId}/logs`, {
      method: "POST",
      headers: { authorization: `Bearer ${claim.attemptToken}`, "content-type": "application/json" },
      // Bytes that are no UTF-8, in the middle of the message.
      body: Buffer.concat([
        Buffer.from(body.slice(0, body.indexOf("[1mc"))),
        Buffer.from([0xff, 0xfe]),
        Buffer.from(body.slice(body.indexOf("[1mc"))),
      ]),
    });
    expect(response.status).toBe(200);
    expect(await messages()).toEqual(["ab \u001b\ufffd\ufffd[1mc \ufffd"]);
    const { status, body: execution } = await work.app.request<{ stdoutLog: string }>(
      "GET",
      `/api/v1/executions/${claim.executionId}`,
    );
    expect([status, execution.stdoutLog]).toEqual([200, "ab \u001b\ufffd\ufffd[1mc \ufffd\n"]);
  });

  it("400 names the line that is too long or none, and stores nothing of the chunk", async () => {
    const { status, body } = await send(0, aLine("one") + aLine("x".repeat(16_385)));
    expect([status, body.error]).toMatchObject([
      400,
      { code: "request.invalid", issues: [{ path: "text.2" }] },
    ]);
    expect((await send(0, "cut off")).status).toBe(400);
    expect((await send(0, "x".repeat(262_145))).status).toBe(400);
    expect(await messages()).toEqual([]);
  });

  it("takes a chunk of the largest size that needs escaping twice", async () => {
    const quotes = aLine('"\\'.repeat(8_192));
    const text = quotes.repeat(Math.floor(262_144 / quotes.length));
    expect((await send(0, text)).status).toBe(200);
  });

  it("stops exactly at 16 MiB: what fits is kept, a mark tells, and what comes later is dropped", async () => {
    const text = aLine("last") + aLine("over");
    const start = logBytesMax - aLine("last").length;
    await work.sql("update executions set log_bytes = $1 where id = $2", [start, claim.executionId]);
    const cut = await send(start, text);
    expect([cut.status, cut.body]).toEqual([200, { offset: logBytesMax, isFull: true }]);
    // A worker that missed the reply sends again, from wherever it was.
    for (const offset of [start, logBytesMax, 0]) {
      expect((await send(offset, aLine("later"))).body).toEqual({ offset: logBytesMax, isFull: true });
    }
    const stored = await readAll();
    expect(stored.map(({ message }) => message)).toEqual([
      "last",
      expect.stringContaining("more than 16 MiB"),
    ]);
    expect(stored[1]?.level).toBe("warn");
  });

  it("lets a log end at 16 MiB without a mark: nothing was lost", async () => {
    const start = logBytesMax - aLine("last").length;
    await work.sql("update executions set log_bytes = $1 where id = $2", [start, claim.executionId]);
    expect((await send(start, aLine("last"))).body).toEqual({ offset: logBytesMax, isFull: false });
    expect(await messages()).toEqual(["last"]);
  });

  it("keeps the last 64 KiB of each stream at hand", async () => {
    let offset = 0;
    const append = async (text: string) => {
      offset = (await send(offset, text)).body.offset ?? 0;
    };
    await append(Array.from({ length: 10 }, (_, n) => aLine(`${n} ${"x".repeat(9_998)}`)).join(""));
    await append(aLine("bad", { stream: "stderr" }));
    await append(aLine("end"));
    const { body } = await work.app.request<{ stdoutLog: string; stderrLog: string }>(
      "GET",
      `/api/v1/executions/${claim.executionId}`,
    );
    expect(body.stdoutLog).toHaveLength(65_536);
    expect(body.stdoutLog.endsWith("x\nend\n")).toBe(true);
    expect(body.stderrLog).toBe("bad\n");
  });

  it("409 when the lease is lost, given back or finished; what was stored before stays", async () => {
    await send(0, aLine("one"));
    await work.post(claim, "release", { reason: "drain" });
    const late = await send(aLine("one").length, aLine("two"));
    expect([late.status, late.body.error?.code]).toEqual([409, "work_order.lease_lost"]);
    expect(await messages()).toEqual(["one"]);
    expect((await read()).isComplete).toBe(true);
  });

  it("409 for a chunk that waited while the attempt was ended: it sees what was true when its turn came", async () => {
    const ending = await work.app.database.pool.connect();
    try {
      await ending.query("begin");
      await ending.query("update executions set status = 'failed' where id = $1", [claim.executionId]);
      await ending.query(
        "update work_orders set status = 'failed', lease_expires_at = null, claim_key = null where id = $1",
        [claim.workOrder.id],
      );
      const waiting = send(0, aLine("late"));
      await waitUntil(async () => {
        const blocked = await work.sql(
          "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        );
        return blocked.length > 0;
      });
      await ending.query("commit");
      expect((await waiting).status).toBe(409);
    } finally {
      ending.release();
    }
    expect(await messages()).toEqual([]);
  });

  it("409 for another attempt's execution, 404 for one that never was", async () => {
    await work.createTask();
    const other = await work.mustClaim(worker);
    expect((await send(0, aLine("mine"), other.attemptToken)).status).toBe(409);
    const unknown = await work.app.request("POST", `/api/v1/executions/${newId()}/logs`, {
      token: claim.attemptToken,
      body: { offset: 0, text: "" },
    });
    expect([unknown.status, unknown.body]).toMatchObject([404, { error: { code: "execution.not_found" } }]);
    expect(await messages()).toEqual([]);
  });

  it("401 without a token, 403 for a person and for a worker's key", async () => {
    const path = `/api/v1/executions/${claim.executionId}/logs`;
    const body = { offset: 0, text: "" };
    expect((await work.app.request("POST", path, { body, token: null })).status).toBe(401);
    expect((await work.app.request("POST", path, { body })).status).toBe(403);
    expect((await work.app.request("POST", path, { body, token: work.app.workerKey })).status).toBe(403);
  });

  it("stores the sent log, whatever is repeated, overlaps or is left out on the way", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: "binary", maxLength: 40 }), { minLength: 1, maxLength: 30 }),
        fc.array(
          fc.record({ lines: fc.integer({ min: 1, max: 6 }), jump: fc.integer({ min: -5, max: 3 }) }),
          {
            maxLength: 12,
          },
        ),
        async (texts, wishes) => {
          await work.sql("delete from execution_logs");
          await work.sql("update executions set log_bytes = 0, stdout_log = '' where id = $1", [
            claim.executionId,
          ]);
          const lines = texts.map((text, index) => aLine(`${index}:${text.replaceAll("\u0000", "")}`));
          const startOf = lines.map((_, index) => Buffer.byteLength(lines.slice(0, index).join("")));
          const total = Buffer.byteLength(lines.join(""));
          const push = async (index: number, count: number): Promise<number> => {
            const { status, body } = await send(
              startOf[index] ?? 0,
              lines.slice(index, index + count).join(""),
            );
            const told = status === 416 ? body.error?.data?.offset : body.offset;
            return startOf.indexOf(told ?? -1) === -1 ? lines.length : startOf.indexOf(told ?? -1);
          };
          let next = 0;
          for (const { lines: count, jump } of wishes) {
            const from = Math.min(Math.max(next + jump, 0), lines.length - 1);
            next = await push(from, count);
          }
          while (next < lines.length) next = await push(next, 4);
          expect(await messages()).toEqual(lines.map((line) => JSON.parse(line).message));
          const [row] = await work.sql<{ log_bytes: string }>(
            "select log_bytes from executions where id = $1",
            [claim.executionId],
          );
          expect(Number(row?.log_bytes)).toBe(total);
        },
      ),
      { numRuns: 12 },
    );
  });
});

describe("GET /api/v1/executions/:executionId/logs", () => {
  const levels: LogLevel[] = ["debug", "info", "warn", "error"];

  it("pages by cursor, and filters by level and above", async () => {
    await send(0, levels.map((level) => aLine(level, { level })).join(""));
    const first = await read("?limit=3");
    expect(first.items.map(({ message }) => message)).toEqual(["debug", "info", "warn"]);
    const rest = await read(`?limit=3&after=${first.next}`);
    expect(rest.items.map(({ message }) => message)).toEqual(["error"]);
    expect(await read(`?after=${rest.next}`)).toMatchObject({ items: [], next: rest.next });
    expect((await read("?level=warn")).items.map(({ message }) => message)).toEqual(["warn", "error"]);
  });

  it("is complete when the execution has ended and its last page was read", async () => {
    await send(0, aLine("one") + aLine("two"));
    await work.fail(claim);
    expect((await read("?limit=1")).isComplete).toBe(false);
    expect((await read("?limit=2")).isComplete).toBe(false);
    expect((await read("?limit=3")).isComplete).toBe(true);
  });

  it("400 for a bad query, 401 without a token, 404 for an unknown execution", async () => {
    const path = `/api/v1/executions/${claim.executionId}/logs`;
    for (const query of ["?after=-1", "?after=x", "?limit=0", "?limit=1001", "?level=loud"]) {
      expect((await work.app.request("GET", path + query)).status).toBe(400);
    }
    expect((await work.app.request("GET", path, { token: null })).status).toBe(401);
    expect((await work.app.request("GET", `/api/v1/executions/${newId()}/logs`)).status).toBe(404);
  });
});
