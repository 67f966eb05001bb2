import { createHash } from "node:crypto";
import { AppError, newId } from "@agentvine/kit";
import { and, eq, type SQL, sql } from "drizzle-orm";
import type { Db } from "../database/client.ts";
import { inBatches } from "../database/in-batches.ts";
import { isOlderThan } from "../database/live-task.ts";
import { idempotencyKeys } from "../database/schema/index.ts";

/** A request as far as its repeat must be the same. */
export interface IdempotentRequest {
  /** Whoever asks; keys of different actors never meet. */
  actor: string;
  /** Method and path pattern. */
  route: string;
  key: string;
  requestId: string;
  /** All input of the request. */
  input: unknown;
}

export interface IdempotentAnswer {
  status: number;
  response: unknown;
  /** True when the answer comes from an earlier request. */
  isRepeat: boolean;
}

export interface IdempotencyStore {
  /**
   * Calls `work` once per key and gives its answer to every repeat. A refused request is forgotten, so that it can be tried again.
   * When the process or the database dies after the work and before the answer is stored, a repeat calls `work` again, with the same
   * `creationId`: work that creates something under this id finds what the first try made.
   * @throws AppError `idempotency.conflict` for another input, `idempotency.in_progress` while the first still runs
   */
  run(
    request: IdempotentRequest,
    work: (creationId: string) => Promise<{ status: number; response: unknown }>,
  ): Promise<IdempotentAnswer>;
  /** Forgets answers that are older than so many days; returns how many. */
  deleteOld(days: number): Promise<number>;
}

/** After this a holder that never finished counts as dead: its process was killed. */
const heldSecondsMax = 120;

const sortedKeys = (_key: string, value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;

const hashOf = (input: unknown): string =>
  createHash("sha256")
    .update(JSON.stringify(input, sortedKeys) ?? "")
    .digest("hex");

/** Keeps the answers in PostgreSQL, so that all backends and restarts know them. */
export function createIdempotencyStore(db: Db): IdempotencyStore {
  const rowOf = ({ actor, route, key }: IdempotentRequest) =>
    and(eq(idempotencyKeys.actor, actor), eq(idempotencyKeys.route, route), eq(idempotencyKeys.key, key));
  const heldUntil = sql`now() + make_interval(secs => ${heldSecondsMax})`;

  /**
   * The id for what the request creates when it may work: the key is new, or its holder is dead or gave it up. One of several parallel
   * requests gets it.
   */
  async function hold(
    request: IdempotentRequest,
    requestHash: string,
    holder: string,
  ): Promise<string | undefined> {
    const { actor, route, key } = request;
    const inserted = await db
      .insert(idempotencyKeys)
      .values({
        ...{ actor, route, key, requestHash, heldUntil },
        requestId: holder,
        status: "in_progress",
        creationId: newId(),
      })
      .onConflictDoUpdate({
        target: [idempotencyKeys.actor, idempotencyKeys.route, idempotencyKeys.key],
        set: { requestId: holder, requestHash, heldUntil, createdAt: sql`now()` },
        setWhere: sql`${idempotencyKeys.status} = 'in_progress' and ${idempotencyKeys.heldUntil} < now()
          and ${idempotencyKeys.requestHash} = ${requestHash}`,
      })
      .returning({ creationId: idempotencyKeys.creationId });
    return inserted[0]?.creationId;
  }

  /**
   * Frees the key after a failure. A refusal changed nothing, so it is forgotten. After anything else the work may have been done all
   * the same (the connection broke behind the commit): the next try must be the same request, and creates under the same id. When even
   * this fails the key is free as soon as the holder counts as dead.
   */
  async function letGo(mine: SQL | undefined, error: unknown): Promise<void> {
    const isRefusal = error instanceof AppError && error.status < 500;
    const freed = isRefusal
      ? db.delete(idempotencyKeys).where(mine)
      : db.update(idempotencyKeys).set({ heldUntil: sql`now() - interval '1 second'` }).where(mine);
    await freed.catch(() => {});
  }

  async function earlierAnswer(request: IdempotentRequest, requestHash: string): Promise<IdempotentAnswer> {
    const [row] = await db.select().from(idempotencyKeys).where(rowOf(request));
    if (row !== undefined && row.requestHash !== requestHash) {
      throw new AppError(
        "idempotency.conflict",
        "This Idempotency-Key was used with another request: use a new key.",
      );
    }
    if (row?.status !== "done" || row.responseStatus === null) {
      throw new AppError(
        "idempotency.in_progress",
        "The first request with this Idempotency-Key is still running: try again in a moment.",
      );
    }
    return { status: row.responseStatus, response: row.response, isRepeat: true };
  }

  return {
    async run(request, work) {
      const requestHash = hashOf(request.input);
      // Clients choose the ids of their requests, and send a repeat under the same: alone it would not tell who holds the key.
      const holder = `${request.requestId} ${newId()}`;
      const creationId = await hold(request, requestHash, holder);
      if (creationId === undefined) {
        return await earlierAnswer(request, requestHash);
      }
      const mine = and(rowOf(request), eq(idempotencyKeys.requestId, holder));
      try {
        const { status, response } = await work(creationId);
        await db
          .update(idempotencyKeys)
          .set({ status: "done", responseStatus: status, response })
          .where(mine);
        return { status, response, isRepeat: false };
      } catch (error) {
        await letGo(mine, error);
        throw error;
      }
    },
    deleteOld: (days) =>
      inBatches(async (limit) => {
        const { rowCount } = await db.execute(sql`
          delete from idempotency_keys where (actor, route, key) in (
            select actor, route, key from idempotency_keys
            where ${isOlderThan(sql`created_at`, days)} limit ${limit})`);
        return rowCount ?? 0;
      }),
  };
}
