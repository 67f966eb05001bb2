import { AppError, type Deferred, deferred, isAppError } from "@agentvine/kit";
import { propertyRuns, propertyTimeoutMs, type TestDatabase } from "@agentvine/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Database, openDatabase } from "../database/client.ts";
import { createMigratedDatabase } from "../testing/build-test-app.ts";
import { createIdempotencyStore, type IdempotencyStore } from "./idempotency.ts";

let testDatabase: TestDatabase;
let database: Database;
let store: IdempotencyStore;
beforeAll(async () => {
  testDatabase = await createMigratedDatabase();
  database = openDatabase({ url: testDatabase.url });
  store = createIdempotencyStore(database.db);
});
afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

/** What a request came to: it did the work (and holds the key until it ends), or it was told something. */
type Reply =
  | { kind: "works"; work: Work }
  | { kind: "repeat"; answer: number }
  | { kind: "refused"; code: string };

/** How work ends: it is done, or refused with nothing changed, or it broke and nobody knows what was done. */
const ends = ["done", "refused", "broke"] as const;
type End = (typeof ends)[number];

/** A request that does the work, which lasts until the test ends it. */
interface Work {
  number: number;
  place: string;
  creationId: string;
  end: Deferred<End>;
  settled: Promise<unknown>;
}

/** What must be true of a key, by the words of the documentation. */
interface Expected {
  input: string;
  holder?: Work;
  isHolderDead?: boolean;
  answer?: number;
}

interface Sent {
  actor: string;
  route: string;
  key: string;
  input: string;
  requestId: string;
}

const placeOf = ({ actor, route, key }: Sent): string => `${actor} ${route} ${key}`;

let works = 0;

/** Sends a request and waits until it works or is answered. */
async function send(sent: Sent): Promise<Reply> {
  const started = deferred<Work>();
  const end = deferred<End>();
  const place = placeOf(sent);
  // The order of fields makes no difference.
  const input = sent.requestId.length % 2 ? { a: 1, name: sent.input } : { name: sent.input, a: 1 };
  const settled: Promise<Reply> = store
    .run({ ...sent, input }, async (creationId) => {
      works += 1;
      const number = works;
      started.resolve({ number, place, creationId, end, settled });
      const how = await end.promise;
      if (how === "refused") throw new AppError("task.conflict", "not now");
      if (how === "broke") throw new Error("the connection was lost");
      return { status: 201, response: { number, place } };
    })
    .then(({ response, isRepeat, status }) => {
      const answer = response as { number: number; place: string };
      expect([status, answer.place]).toEqual([201, place]);
      return isRepeat
        ? ({ kind: "repeat", answer: answer.number } as const)
        : ({ kind: "refused", code: `did ${answer.number}` } as const);
    })
    .catch((error: unknown) => ({
      kind: "refused" as const,
      code: isAppError(error) ? error.code : String(error),
    }));
  return await Promise.race([started.promise.then((work): Reply => ({ kind: "works", work })), settled]);
}

/** What must come of a request, and what is true afterwards. */
function judge(expected: Map<string, Expected>, sent: Sent, reply: Reply): void {
  const place = placeOf(sent);
  const before = expected.get(place);
  if (before !== undefined && before.input !== sent.input) {
    expect(reply).toEqual({ kind: "refused", code: "idempotency.conflict" });
  } else if (before?.answer !== undefined) {
    expect(reply).toEqual({ kind: "repeat", answer: before.answer });
  } else if (before !== undefined && before.isHolderDead !== true) {
    expect(reply).toEqual({ kind: "refused", code: "idempotency.in_progress" });
  } else {
    expect(reply.kind).toBe("works");
    if (reply.kind !== "works") return;
    // Whoever takes over from a dead holder creates under the same id.
    if (before?.holder !== undefined) expect(reply.work.creationId).toBe(before.holder.creationId);
    expected.set(place, { input: sent.input, holder: reply.work });
  }
}

/** Of requests for one key at the same moment one decides, and the others find what it made: any of them may be the first. */
function judgeBurst(expected: Map<string, Expected>, sent: readonly Sent[], replies: readonly Reply[]): void {
  const working = replies.findIndex(({ kind }) => kind === "works");
  const order = sent.map((_, index) => index).sort((a, b) => Number(b === working) - Number(a === working));
  for (const index of order) {
    const [one, reply] = [sent[index], replies[index]];
    if (one !== undefined && reply !== undefined) judge(expected, one, reply);
  }
}

async function endWork(expected: Map<string, Expected>, work: Work, how: End): Promise<void> {
  work.end.resolve(how);
  await work.settled;
  const now = expected.get(work.place);
  // One that was given up for dead and comes back late changes nothing, unless nobody has taken its place.
  if (now?.holder !== work) return;
  if (how === "done") expected.set(work.place, { input: now.input, answer: work.number });
  else if (how === "refused") expected.delete(work.place);
  else now.isHolderDead = true;
}

const request: fc.Arbitrary<Sent> = fc.record({
  // Mostly the same place, so that much happens there.
  actor: fc.constantFrom("ada", "ada", "ada", "ada", "bob"),
  route: fc.constantFrom("POST /tasks", "POST /tasks", "POST /tasks", "POST /keys"),
  key: fc.constantFrom("key-1", "key-1", "key-1", "key-1", "key-2"),
  input: fc.constantFrom("same", "same", "same", "same", "other"),
  // A client may name its requests, and all of them alike.
  requestId: fc.constantFrom("r1", "r1", "r22"),
});
const act = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("send" as const), request }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("burst" as const),
      request,
      others: fc.array(fc.constantFrom("same", "other"), { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("end" as const),
      which: fc.nat(9),
      how: fc.constantFrom(...ends),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("die" as const), which: fc.nat(9) }) },
);

describe("requests with idempotency keys, whoever sends them, however often and in whatever order", () => {
  it(
    "do the work once for each key, under one id however often it breaks, repeat its answer and keep actors, routes and inputs apart",
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(act, { minLength: 15, maxLength: 40 }), async (acts) => {
          await database.pool.query("delete from idempotency_keys");
          const expected = new Map<string, Expected>();
          const running: Work[] = [];
          const note = (reply: Reply) => {
            if (reply.kind === "works") running.push(reply.work);
          };
          try {
            for (const one of acts) {
              if (one.kind === "send") {
                const reply = await send(one.request);
                note(reply);
                judge(expected, one.request, reply);
              } else if (one.kind === "burst") {
                const sent = [one.request, ...one.others.map((input) => ({ ...one.request, input }))];
                const replies = await Promise.all(sent.map(send));
                replies.forEach(note);
                judgeBurst(expected, sent, replies);
              } else if (running.length > 0 && one.kind === "end") {
                const [work] = running.splice(one.which % running.length, 1);
                if (work !== undefined) await endWork(expected, work, one.how);
              } else if (running.length > 0) {
                const dying = running[one.which % running.length];
                const now = dying && expected.get(dying.place);
                if (now?.holder !== dying || dying === undefined || now === undefined) continue;
                const [actor, method, path, key] = dying.place.split(" ");
                await database.pool.query(
                  `update idempotency_keys set held_until = now() - interval '1 second'
                 where actor = $1 and route = $2 and key = $3`,
                  [actor, `${method} ${path}`, key],
                );
                now.isHolderDead = true;
              }
            }
          } finally {
            for (const { end } of running) end.resolve("done");
            await Promise.all(running.map(({ settled }) => settled));
          }
        }),
        propertyRuns(20, { isSlow: true }),
      );
    },
    propertyTimeoutMs(60_000),
  );
});
