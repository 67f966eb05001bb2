import type { WorkerCommand } from "@agentvine/contracts";
import type { Actor } from "../../actor.ts";
import type { Db } from "../../database/client.ts";
import type { Notifications } from "../../database/notifications.ts";
import { listCommands, workerCommandChannel } from "./command.repository.ts";
import { superseded } from "./heartbeat.service.ts";
import { createKeyedWaiters } from "./keyed-waiters.ts";
import { findWorker } from "./worker.repository.ts";
import { assertOwnKey, unknownWorker } from "./worker.service.ts";

export interface CommandServiceDeps {
  db: Db;
  notifications: Pick<Notifications, "on">;
}

export interface CommandPoll {
  actor: Actor;
  workerId: string;
  instanceId: string;
  /** Position of the last command seen. */
  after: number;
  waitMs: number;
  signal: AbortSignal;
}

/** Brings commands to workers within milliseconds: each worker holds one poll open. */
export function createCommandService({ db, notifications }: CommandServiceDeps) {
  const waiters = createKeyedWaiters();
  // An empty payload means that notifications may have been missed: everybody looks again.
  const stopListening = notifications.on(workerCommandChannel, (workerId) =>
    waiters.wake(workerId === "" ? undefined : workerId),
  );

  return {
    /**
     * Commands after the position, as soon as there are any; none when time is up.
     * @throws AppError `worker.not_found`, `worker.superseded`, `auth.forbidden`
     */
    poll: async ({
      actor,
      workerId,
      instanceId,
      after,
      waitMs,
      signal,
    }: CommandPoll): Promise<WorkerCommand[]> => {
      // Whoever is answered at once, or refused, waits no more.
      const answered = new AbortController();
      const leave = (): void => answered.abort();
      signal.addEventListener("abort", leave, { once: true });
      try {
        const news = waiters.wait(workerId, signal.aborted ? 0 : waitMs, answered.signal);
        const worker = await findWorker(db, workerId);
        if (worker === undefined) {
          throw unknownWorker(workerId);
        }
        assertOwnKey(actor, worker);
        if (worker.instanceId !== instanceId) {
          throw superseded(worker.name);
        }
        const at = { workerId, instanceId, after };
        const commands = await listCommands(db, at);
        if (commands.length > 0) {
          return commands;
        }
        await news;
        return signal.aborted ? [] : await listCommands(db, at);
      } finally {
        signal.removeEventListener("abort", leave);
        leave();
      }
    },
    /** How many polls wait. */
    waiting: (): number => waiters.size,
    stop: (): void => {
      stopListening();
      waiters.wake();
    },
  };
}

export type CommandService = ReturnType<typeof createCommandService>;
