import type { Event } from "@agentvine/contracts";
import { deferred, newId } from "@agentvine/kit";
import { propertyRuns, propertyTimeoutMs, type TestDatabase, waitUntil } from "@agentvine/testkit";
import { sql } from "drizzle-orm";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Database, openDatabase, type Tx } from "../../database/client.ts";
import { createMigratedDatabase } from "../../testing/build-test-app.ts";
import { assignPositions, listEvents } from "./event.repository.ts";
import { recordEvents } from "./index.ts";

let testDatabase: TestDatabase;
/** One for those who write and one for each of two sequencers, as in three processes. */
let databases: Database[] = [];
beforeAll(async () => {
  testDatabase = await createMigratedDatabase();
  databases = [12, 2, 2].map((connectionsMax) => openDatabase({ url: testDatabase.url, connectionsMax }));
});
afterAll(async () => {
  await Promise.all(databases.map((database) => database.close()));
  await testDatabase.drop();
});

const database = (index: number): Database => {
  const found = databases[index];
  if (found === undefined) throw new Error(`no database ${index}`);
  return found;
};

/** A transaction as the test sees it; the moments count up. */
interface Written {
  names: string[];
  startedAt: number;
  committedAt: number;
}

let moments = 0;

/** A transaction on a connection of its own that stays open until told. */
async function openTransaction() {
  const started = deferred<Tx>();
  const finish = deferred<boolean>();
  const done = database(0)
    .db.transaction(async (tx) => {
      started.resolve(tx);
      if (!(await finish.promise)) throw new Error("rolled back");
    })
    .catch(() => {});
  const tx = await started.promise;
  const written: Written = { names: [], startedAt: Number.POSITIVE_INFINITY, committedAt: 0 };
  let xid: bigint | undefined;
  const begin = async () => {
    if (xid !== undefined) return;
    moments += 1;
    written.startedAt = moments;
    const { rows } = await tx.execute<{ xid: string }>(sql`select pg_current_xact_id()::text as xid`);
    xid = BigInt(rows[0]?.xid ?? "");
  };
  const rowsOf = (names: readonly string[]) =>
    names.map((name) => ({ type: "task.updated" as const, taskId: newId(), data: { name } }));
  return {
    xid: () => xid,
    /** Takes its place in the order of transactions, and writes nothing yet. */
    begin,
    write: async (names: readonly string[]) => {
      await begin();
      await recordEvents(tx, rowsOf(names));
      written.names.push(...names);
    },
    /** Written and taken back within the transaction. */
    writeInVain: async (names: readonly string[]) => {
      await begin();
      const inVain = tx.transaction(async (inner) => {
        await recordEvents(inner, rowsOf(names));
        throw new Error("taken back");
      });
      await expect(inVain).rejects.toThrow("taken back");
    },
    end: async (isCommitted: boolean): Promise<Written | undefined> => {
      finish.resolve(isCommitted);
      await done;
      moments += 1;
      written.committedAt = moments;
      return isCommitted ? written : undefined;
    },
  };
}

type OpenTransaction = Awaited<ReturnType<typeof openTransaction>>;

const nameOf = ({ data }: Event): string => String(data.name);

/** Follows the positions in pages, at moments of its own. */
function createReader(limit: number) {
  const seen: Event[] = [];
  let last: Promise<boolean> = Promise.resolve(false);
  const readPage = async (): Promise<boolean> => {
    const after = seen.at(-1)?.position ?? 0;
    const page = await listEvents(database(0).db, { after, limit });
    seen.push(...page);
    return page.length > 0;
  };
  /** A page more; false at the end. One after the other, as a reader goes. */
  const read = (): Promise<boolean> => {
    last = last.then(readPage);
    return last;
  };
  return { seen, read };
}

const lanes = 4;
const act = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        "begin",
        "write",
        "write",
        "write",
        "write in vain",
        "commit",
        "commit",
        "roll back",
      ),
      lane: fc.nat(lanes - 1),
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("assign"), lane: fc.nat(1), count: fc.constant(0) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("read"), lane: fc.nat(1), count: fc.constant(0) }) },
);

interface World {
  /** One transaction at a time in each lane; what is done to it is done one after the other. */
  open: (OpenTransaction | undefined)[];
  queues: Promise<unknown>[];
  committed: Written[];
  readers: ReturnType<typeof createReader>[];
  names: number;
}

async function inLane(world: World, lane: number, kind: string, count: number): Promise<void> {
  const transaction = world.open[lane] ?? (await openTransaction());
  world.open[lane] = transaction;
  const names = Array.from({ length: count }, () => {
    world.names += 1;
    return `e${world.names}`;
  });
  if (kind === "begin") await transaction.begin();
  if (kind === "write") await transaction.write(names);
  if (kind === "write in vain") await transaction.writeInVain(names);
  if (kind === "commit" || kind === "roll back") {
    const written = await transaction.end(kind === "commit");
    world.open[lane] = undefined;
    if (written !== undefined) world.committed.push(written);
  }
}

async function run(world: World, { kind, lane, count }: { kind: string; lane: number; count: number }) {
  if (kind === "assign") {
    await assignPositions(database(1 + lane).db);
  } else if (kind === "assign twice") {
    await Promise.all([1, 2].map((index) => assignPositions(database(index).db)));
  } else if (kind === "read") {
    await world.readers[lane]?.read();
  } else {
    const queued = (world.queues[lane] ?? Promise.resolve()).then(() => inLane(world, lane, kind, count));
    world.queues[lane] = queued;
    await queued;
  }
}

/** Positions have no gap, and none was given to what a transaction that is still open could come before. */
async function checkPositions(world: World): Promise<void> {
  const { rows } = await database(0).pool.query<{ position: string; xid: string }>(
    "select position, xid::text from events where position is not null order by position",
  );
  expect(rows.map(({ position }) => Number(position))).toEqual(rows.map((_, n) => n + 1));
  for (const transaction of world.open) {
    const xid = transaction?.xid();
    if (xid !== undefined) expect(rows.filter((row) => BigInt(row.xid) >= xid)).toEqual([]);
  }
}

function checkOrder(committed: readonly Written[], all: readonly string[]): void {
  const placeOf = new Map(all.map((name, place) => [name, place]));
  for (const { names } of committed) {
    // What one transaction wrote stays together, in its order.
    const first = placeOf.get(names[0] ?? "") ?? 0;
    expect(names.map((name) => placeOf.get(name))).toEqual(names.map((_, n) => first + n));
  }
  for (const one of committed) {
    for (const later of committed.filter(({ startedAt }) => startedAt > one.committedAt)) {
      const ends = one.names.map((name) => placeOf.get(name) ?? -1);
      const begins = later.names.map((name) => placeOf.get(name) ?? -1);
      expect(Math.max(-1, ...ends)).toBeLessThan(Math.min(Number.POSITIVE_INFINITY, ...begins));
    }
  }
}

describe("positions, whatever transactions do and however many sequencers run", () => {
  test(
    "have no gaps, pass by nothing that may still commit, and lead every reader to every event once",
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(act, { minLength: 1, maxLength: 4 }), { minLength: 8, maxLength: 30 }),
          fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 50 })),
          async (steps, limits) => {
            await database(0).pool.query("delete from events");
            const world: World = {
              open: [],
              queues: [],
              committed: [],
              readers: limits.map(createReader),
              names: 0,
            };
            try {
              for (const step of steps) {
                await Promise.all(step.map((one) => run(world, one)));
                await checkPositions(world);
              }
            } finally {
              for (let lane = 0; lane < lanes; lane += 1) {
                if (world.open[lane] !== undefined) await inLane(world, lane, "commit", 0);
              }
            }
            // A transaction of another test on the same server may still hold them back.
            await waitUntil(async () => !(await assignPositions(database(1).db)).isIncomplete);
            await checkPositions(world);
            const written = world.committed.flatMap(({ names }) => names);
            for (const { seen, read } of world.readers) {
              while (await read());
              expect(seen.map(({ position }) => position)).toEqual(written.map((_, n) => n + 1));
              expect(new Set(seen.map(nameOf))).toEqual(new Set(written));
            }
            checkOrder(world.committed, (world.readers[0]?.seen ?? []).map(nameOf));
          },
        ),
        propertyRuns(10, { isSlow: true }),
      );
    },
    propertyTimeoutMs(60_000),
  );
});
