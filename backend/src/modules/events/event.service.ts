import type { Event } from "@agentvine/contracts";
import type { Db } from "../../database/client.ts";
import { inBatches } from "../../database/in-batches.ts";
import type { Notifications } from "../../database/notifications.ts";
import { deleteOldEvents, lastPosition, listEvents } from "./event.repository.ts";
import { type EventFilter, positionedChannel } from "./event.ts";

export interface EventService {
  /** Events behind a position, oldest first; `next` goes into the following call. */
  list(filter: EventFilter): Promise<{ items: Event[]; next: number }>;
  /** Goes up whenever new events may be there. Read it before the list: what comes in between is then not missed. */
  changeCount(): number;
  /** Resolves as soon as `changeCount` differs from `seen`, at the latest after `timeoutMs` or when the signal is aborted. */
  nextChange(seen: number, timeoutMs: number, signal: AbortSignal): Promise<void>;
}

/** Events, and where they end now. */
export interface EventSource extends EventService {
  /** Position of the last event. */
  last(): Promise<number>;
  /** Removes events that are older than so many days, but for tasks that may still go on. Returns how many. */
  forgetOld(days: number): Promise<number>;
}

export function createEventService({
  db,
  notifications,
}: {
  db: Db;
  notifications: Notifications;
}): EventSource {
  const waiting = new Set<() => void>();
  let changes = 0;
  notifications.on(positionedChannel, () => {
    changes += 1;
    for (const wake of [...waiting]) {
      wake();
    }
  });
  return {
    async list(filter) {
      const items = await listEvents(db, filter);
      return { items, next: items.at(-1)?.position ?? filter.after };
    },
    last: () => lastPosition(db),
    forgetOld: (days) => inBatches((limit) => deleteOldEvents(db, days, limit)),
    changeCount: () => changes,
    nextChange(seen, timeoutMs, signal) {
      if (changes !== seen || signal.aborted) {
        return Promise.resolve();
      }
      return new Promise((resolve) => {
        const wake = () => {
          clearTimeout(timer);
          waiting.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        const timer = setTimeout(wake, timeoutMs);
        waiting.add(wake);
        signal.addEventListener("abort", wake, { once: true });
      });
    },
  };
}
