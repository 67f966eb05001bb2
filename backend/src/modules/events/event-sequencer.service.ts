import { coerceError, type Logger, sleep } from "@agentvine/kit";
import type { Db } from "../../database/client.ts";
import { isDatabaseUnavailable } from "../../database/database-error.ts";
import type { Notifications } from "../../database/notifications.ts";
import { assignPositions } from "./event.repository.ts";
import { recordedChannel } from "./event.ts";
import { findOldestTransaction, readEventLag } from "./event-lag.repository.ts";

/** How soon to look again while an older transaction still runs. */
const incompleteDelayMs = 25;
/** While one event follows the other they get their positions together, this often; the first one gets it at once. */
const paceMs = 15;
/** How soon to look again without being told: a notification may get lost with its connection. */
const idleDelayMs = 2_000;
/** Events that wait longer for their position are worth telling: some transaction is held open. */
const lateMsDefault = 30_000;
/** How often the lag is measured while events wait. */
const lagCheckMs = 1_000;
/** How often it is told while it lasts. */
const tellAgainMs = 60_000;

/** Gives events their positions, in the background, until stopped. Several backends may do so at once. */
export interface EventSequencer {
  /** Seconds for which the oldest event without a position has waited, when that was last worth a look; 0 while all is well. */
  lagSeconds(): number;
  /** True while events wait longer than they should: nobody sees them. */
  isLate(): boolean;
  stop(): Promise<void>;
}

export function startEventSequencer(deps: {
  db: Db;
  notifications: Notifications;
  logger: Logger;
  /** Events that wait longer than this are told; 30 s unless given. */
  lateMs?: number | undefined;
}): EventSequencer {
  const lag = createLagWatch(deps);
  const stopping = new AbortController();
  // Plain flag and callback: this is called for every change, and an AbortController costs more than all the rest of it.
  let isWoken = false;
  let wakeUp = (): void => {};
  const stopListening = deps.notifications.on(recordedChannel, () => {
    isWoken = true;
    wakeUp();
  });
  const nextWake = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
      if (isWoken || stopping.signal.aborted) wakeUp();
    });

  async function pass(): Promise<number> {
    try {
      const { isIncomplete } = await assignPositions(deps.db);
      await lag.look(isIncomplete);
      return isIncomplete ? incompleteDelayMs : idleDelayMs;
    } catch (error) {
      if (!isDatabaseUnavailable(error)) {
        deps.logger.error({ err: coerceError(error) }, "events could not be given their positions");
      }
      return idleDelayMs;
    }
  }

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      isWoken = false;
      const delayMs = await pass();
      if (delayMs === incompleteDelayMs) {
        // While older transactions run, a wake-up says nothing new: it would only make us spin.
        await sleep(delayMs, stopping.signal).catch(() => {});
        continue;
      }
      const pacedMs = performance.now() + paceMs;
      await nextWake(delayMs);
      await sleep(Math.max(0, pacedMs - performance.now()), stopping.signal).catch(() => {});
    }
  }

  const running = loop();
  return {
    lagSeconds: lag.seconds,
    isLate: lag.isLate,
    async stop() {
      stopping.abort();
      wakeUp();
      stopListening();
      await running;
    },
  };
}

/** Measures how long events wait for their positions, and tells when a transaction that is held open keeps them from being seen. */
function createLagWatch({
  db,
  logger,
  lateMs = lateMsDefault,
}: {
  db: Db;
  logger: Logger;
  lateMs?: number | undefined;
}) {
  let seconds = 0;
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let toldAtMs = Number.NEGATIVE_INFINITY;
  const isLate = (): boolean => seconds * 1_000 >= lateMs;

  return {
    seconds: () => seconds,
    isLate,
    async look(isIncomplete: boolean): Promise<void> {
      const wasLate = isLate();
      if (!isIncomplete) {
        seconds = 0;
        if (wasLate) logger.info("events have their positions again");
        toldAtMs = Number.NEGATIVE_INFINITY;
        return;
      }
      const nowMs = performance.now();
      if (nowMs - lookedAtMs < Math.min(lagCheckMs, lateMs / 2)) return;
      lookedAtMs = nowMs;
      seconds = await readEventLag(db);
      if (!isLate() || nowMs - toldAtMs < tellAgainMs) return;
      toldAtMs = nowMs;
      const holder = await findOldestTransaction(db);
      logger.warn(
        { seconds: Math.round(seconds), holder },
        "events can't be shown: a transaction is held open on the database server",
      );
    },
  };
}
