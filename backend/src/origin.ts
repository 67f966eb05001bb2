import { AsyncLocalStorage } from "node:async_hooks";
import type { Actor } from "./actor.ts";

/** Who makes a request, and from where. */
export interface Origin {
  actor: Actor;
  /** Network address of the caller, as far as it is known. */
  address: string | null;
  userAgent: string | null;
  requestId: string | null;
}

const current = new AsyncLocalStorage<Origin>();

/** Runs `work`, and everything that it causes, as caused by a request. */
export const causedBy = <T>(origin: Origin, work: () => T): T => current.run(origin, work);

/** The request that causes what runs now; undefined for what the system does by itself. */
export const currentOrigin = (): Origin | undefined => current.getStore();
