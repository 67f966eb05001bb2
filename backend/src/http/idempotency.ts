import { createHash } from "node:crypto";
import { AppError, newId } from "@agentvine/kit";
import { and, eq, lt, sql } from "drizzle-orm";
import type { Db } from "../database/client.ts";
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
   * Calls `work` once per key and gives its answer to every repeat. A failed request is forgotten, so that it can be tried again.
   * When the process dies after the work and before the answer is stored, a repeat does the work again once the holder counts as dead:
   * work that must never be done twice needs a unique constraint of its own.
   * @throws AppError `idempotency.conflict` for another input, `idempotency.in_progress` while the first still runs
   */
  run(
    request: IdempotentRequest,
    work: () => Promise<{ status: number; response: unknown }>,
  ): Promise<IdempotentAnswer>;
  /** Forgets answers older than a day; returns how many. */
  deleteOld(): Promise<number>;
}

/** After this a holder that never finished counts as dead: its process was killed. */
const heldSecondsMax = 120;
const keptInterval = sql`interval '24 hours'`;

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

  /** True when this request may work: the key is new, or its holder is dead. One of several parallel requests gets it. */
  async function hold(request: IdempotentRequest, requestHash: string, holder: string): Promise<boolean> {
    const { actor, route, key } = request;
    const inserted = await db
      .insert(idempotencyKeys)
      .values({ actor, route, key, requestId: holder, requestHash, status: "in_progress", heldUntil })
      .onConflictDoUpdate({
        target: [idempotencyKeys.actor, idempotencyKeys.route, idempotencyKeys.key],
        set: { requestId: holder, requestHash, heldUntil, createdAt: sql`now()` },
        setWhere: sql`${idempotencyKeys.status} = 'in_progress' and ${idempotencyKeys.heldUntil} < now()
          and ${idempotencyKeys.requestHash} = ${requestHash}`,
      })
      .returning({ key: idempotencyKeys.key });
    return inserted.length > 0;
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
      if (!(await hold(request, requestHash, holder))) {
        return await earlierAnswer(request, requestHash);
      }
      const mine = and(rowOf(request), eq(idempotencyKeys.requestId, holder));
      try {
        const { status, response } = await work();
        await db
          .update(idempotencyKeys)
          .set({ status: "done", responseStatus: status, response })
          .where(mine);
        return { status, response, isRepeat: false };
      } catch (error) {
        // When even this fails the key is free again as soon as the holder counts as dead.
        await db
          .delete(idempotencyKeys)
          .where(mine)
          .catch(() => {});
        throw error;
      }
    },
    async deleteOld() {
      const deleted = await db
        .delete(idempotencyKeys)
        .where(lt(idempotencyKeys.createdAt, sql`now() - ${keptInterval}`));
      return deleted.rowCount ?? 0;
    },
  };
}
