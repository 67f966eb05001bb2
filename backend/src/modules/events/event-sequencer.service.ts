import { coerceError, type Logger, sleep } from "@agentvine/kit";
import type { Db } from "../../database/client.ts";
import { isDatabaseUnavailable } from "../../database/database-error.ts";
import type { Notifications } from "../../database/notifications.ts";
import { assignPositions } from "./event.repository.ts";
import { recordedChannel } from "./event.ts";

/** How soon to look again while an older transaction still runs. */
const incompleteDelayMs = 25;
/** How soon to look again without being told: a notification may get lost with its connection. */
const idleDelayMs = 2_000;

/** Gives events their positions, in the background, until stopped. Several backends may do so at once. */
export interface EventSequencer {
  stop(): Promise<void>;
}

export function startEventSequencer(deps: {
  db: Db;
  notifications: Notifications;
  logger: Logger;
}): EventSequencer {
  const stopping = new AbortController();
  let wake = new AbortController();
  const stopListening = deps.notifications.on(recordedChannel, () => wake.abort());

  async function pass(): Promise<number> {
    try {
      const { isIncomplete } = await assignPositions(deps.db);
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
      wake = new AbortController();
      const delayMs = await pass();
      // While older transactions run, a wake-up says nothing new: it would only make us spin.
      const signal = delayMs === incompleteDelayMs ? stopping.signal : wake.signal;
      await sleep(delayMs, signal).catch(() => {});
    }
  }

  const running = loop();
  return {
    async stop() {
      stopping.abort();
      wake.abort();
      stopListening();
      await running;
    },
  };
}
