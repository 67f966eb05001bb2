import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { type Event, endpoints } from "@agentvine/contracts";
import { deferred, newId } from "@agentvine/kit";
import { waitUntil } from "@agentvine/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Tx } from "../../database/client.ts";
import { notify } from "../../database/commit-wakes.ts";
import { buildTestApp, type TestApp } from "../../testing/build-test-app.ts";
import { assignPositions } from "./event.repository.ts";
import { recordEvent } from "./index.ts";

let app: TestApp;
beforeAll(async () => {
  app = await buildTestApp();
});
afterAll(() => app.close());

let taskId = newId();
beforeEach(() => {
  taskId = newId();
});

const record = (name: string, extra: object = {}) =>
  app.database.db.transaction((tx) =>
    recordEvent(tx, { type: "task.updated", taskId, data: { name }, ...extra }),
  );
const namesOf = (events: Event[]) => events.map(({ data }) => String(data.name));
/** A transaction that stays open until told. */
function openTransaction() {
  const started = deferred<Tx>();
  const finish = deferred<boolean>();
  const done = app.database.db
    .transaction(async (tx) => {
      started.resolve(tx);
      if (!(await finish.promise)) {
        throw new Error("rolled back");
      }
    })
    .catch(() => {});
  return {
    write: async (name: string) =>
      await recordEvent(await started.promise, { type: "task.updated", taskId, data: { name } }),
    end: async (isCommitted: boolean) => {
      finish.resolve(isCommitted);
      await done;
    },
  };
}

const list = async (after = 0) => await app.events.list({ after, limit: 1_000, taskId });

describe("positions", () => {
  test("an event shows its facts, its request and when it happened", async () => {
    const ids = { workOrderId: newId(), executionId: newId(), workerId: newId() };
    await record("all", { ...ids, attempt: 3, correlationId: "corr" });
    const [event] = await waitUntil(async () =>
      (await list()).items.length > 0 ? (await list()).items : undefined,
    );
    expect(event).toMatchObject({
      ...ids,
      type: "task.updated",
      taskId,
      attempt: 3,
      correlationId: "corr",
      data: { name: "all" },
    });
    expect(Date.parse(event?.occurredAt ?? "")).toBeGreaterThan(Date.now() - 60_000);
  });

  test("are not given while an older transaction may still commit before", async () => {
    const older = openTransaction();
    await older.write("older");
    await record("younger");
    expect(await assignPositions(app.database.db)).toEqual({ assigned: 0, isIncomplete: true });
    expect((await list()).items).toEqual([]);
    await older.end(true);
    await waitUntil(async () => (await list()).items.length === 2);
    expect(namesOf((await list()).items)).toEqual(["older", "younger"]);
  });

  test("a rolled back transaction leaves no event and no gap that anybody waits for", async () => {
    const doomed = openTransaction();
    await doomed.write("doomed");
    await record("after");
    await doomed.end(false);
    await waitUntil(async () => (await list()).items.length === 1);
    expect(namesOf((await list()).items)).toEqual(["after"]);
  });

  test("several events of one transaction keep their order", async () => {
    const names = Array.from({ length: 20 }, (_, i) => `e${i}`);
    await app.database.db.transaction(async (tx) => {
      for (const name of names) {
        await recordEvent(tx, { type: "task.updated", taskId, data: { name } });
      }
    });
    await waitUntil(async () => (await list()).items.length === 20);
    expect(namesOf((await list()).items)).toEqual(names);
  });

  // The heart of the matter: whoever follows the positions sees everything once, however transactions interleave.
  test("a reader that always goes on from the last position misses nothing and sees nothing twice", async () => {
    const step = fc.record({
      transaction: fc.nat(3),
      action: fc.constantFrom("write", "commit", "roll back"),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        taskId = newId();
        const open = new Map<number, { transaction: ReturnType<typeof openTransaction>; names: string[] }>();
        const committed: string[] = [];
        const seen: Event[] = [];
        const read = async () => {
          const { items } = await list(seen.at(-1)?.position ?? 0);
          seen.push(...items);
        };
        const end = async (number: number, isCommitted: boolean) => {
          const entry = open.get(number);
          open.delete(number);
          await entry?.transaction.end(isCommitted);
          committed.push(...(isCommitted ? (entry?.names ?? []) : []));
        };
        for (const [index, { transaction, action }] of steps.entries()) {
          if (action === "write") {
            const entry = open.get(transaction) ?? { transaction: openTransaction(), names: [] };
            open.set(transaction, entry);
            entry.names.push(`e${index}`);
            await entry.transaction.write(`e${index}`);
          } else {
            await end(transaction, action === "commit");
          }
          await read();
        }
        for (const number of [...open.keys()]) {
          await end(number, true);
          await read();
        }
        await waitUntil(async () => {
          await read();
          return seen.length >= committed.length;
        });
        expect(namesOf(seen).sort()).toEqual([...committed].sort());
        const positions = seen.map(({ position }) => position);
        expect(positions).toEqual([...positions].sort((a, b) => a - b));
        expect(new Set(positions).size).toBe(positions.length);
      }),
      { numRuns: 12 },
    );
  });
});

describe("the list", () => {
  test("goes on where the last page ended, by task or execution", async () => {
    const executionId = newId();
    for (const name of ["a", "b", "c"]) {
      await record(name, { executionId });
    }
    await waitUntil(async () => (await list()).items.length === 3);
    const path = endpoints.system.events.path;
    const first = await app.request<{ items: Event[]; next: number }>(
      "GET",
      `${path}?taskId=${taskId}&limit=2`,
    );
    expect(namesOf(first.body.items)).toEqual(["a", "b"]);
    const rest = await app.request<{ items: Event[]; next: number }>(
      "GET",
      `${path}?executionId=${executionId}&after=${first.body.next}`,
    );
    expect(namesOf(rest.body.items)).toEqual(["c"]);
    const end = await app.request<{ items: Event[]; next: number }>(
      "GET",
      `${path}?taskId=${taskId}&after=${rest.body.next}`,
    );
    expect(end.body).toEqual({ items: [], next: rest.body.next });
  });
});

describe("the stream", () => {
  const path = endpoints.system.eventStream.path;
  const open = async (target: TestApp, query = "", headers: Record<string, string> = {}) => {
    const request = get(`${target.url}${path}?${query}`, {
      headers: { authorization: `Bearer ${target.token}`, ...headers },
    });
    const [response] = (await once(request, "response")) as [IncomingMessage];
    let text = "";
    response.setEncoding("utf8").on("data", (chunk) => {
      text += chunk;
    });
    response.on("error", () => {});
    return { response, text: () => text, close: () => request.destroy() };
  };
  const streamed = (text: string) =>
    [...text.matchAll(/^data: (.*)$/gm)].map(([, json]) => String(JSON.parse(json ?? "").data.name));

  test("brings what happened after a position, and then what happens, within a moment", async () => {
    await record("before");
    await waitUntil(async () => (await list()).items.length === 1);
    const stream = await open(app, `taskId=${taskId}`);
    expect(stream.response.headers["content-type"]).toContain("text/event-stream");
    expect(stream.response.headers["x-request-id"]).toBeDefined();
    await waitUntil(() => streamed(stream.text()).length === 1);
    await record("live");
    await waitUntil(() => streamed(stream.text()).length === 2);
    expect(streamed(stream.text())).toEqual(["before", "live"]);
    expect(stream.text()).toMatch(/^retry: \d+\n\nid: \d+\nevent: task\.updated\ndata: /);
    stream.close();
    await waitUntil(() => app.server.http.openRequests.size === 0);
  });

  test("resumes from Last-Event-ID, which wins over the address", async () => {
    for (const name of ["a", "b", "c"]) {
      await record(name);
    }
    await waitUntil(async () => (await list()).items.length === 3);
    const second = (await list()).items[1]?.position ?? 0;
    const stream = await open(app, `taskId=${taskId}&after=0`, { "last-event-id": String(second) });
    await waitUntil(() => streamed(stream.text()).length === 1);
    expect(streamed(stream.text())).toEqual(["c"]);
    stream.close();
    const strange = await open(app, `taskId=${taskId}&after=${second}`, { "last-event-id": "x; drop" });
    await waitUntil(() => streamed(strange.text()).length === 1);
    strange.close();
  });

  test("needs the permission", async () => {
    expect((await app.request("GET", path, { token: app.workerKey })).status).toBe(403);
    expect((await app.request("GET", `${path}?after=-1`)).status).toBe(400);
  });

  test("breaks off when the database fails, so that the reader comes back", async () => {
    const stream = await open(app, `taskId=${taskId}`);
    await waitUntil(() => stream.text().includes("retry"));
    const closed = new Promise((resolve) => stream.response.on("close", resolve));
    // The stream's next look finds the events table unreadable, as during a restart.
    await app.database.pool.query("alter table events rename to events_away");
    try {
      notify(app.database.db, "agentvine_events_positioned");
      await closed;
    } finally {
      await app.database.pool.query("alter table events_away rename to events");
    }
    await record("later");
    await waitUntil(async () => (await list()).items.length === 1);
  });

  test("ends cleanly when the server stops", async () => {
    await using other = await buildTestApp();
    const stream = await open(other);
    const ended = once(stream.response, "end");
    await other.server.close();
    await ended;
  });
});
