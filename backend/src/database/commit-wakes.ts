/** News for those who wait in this process or another: look again. Only a hint; whoever waits also looks by itself now and then. */
export interface Wake {
  channel: string;
  /** At most 8000 bytes. */
  payload: string;
  /** False: nobody outside of this process needs to know. */
  isForAll: boolean;
}

type Outlet = (wakes: readonly Wake[]) => void;

/** Wakes of transactions that are still open, by transaction. */
const pendingOf = new WeakMap<object, Wake[]>();
/** Where the wakes of a database go, by its handle. */
const outletOf = new WeakMap<object, Outlet>();

/**
 * Wakes those who wait on a channel: when (and only if) the transaction commits, or at once outside of one. Costs no statement, and
 * holds no lock while the transaction commits, as NOTIFY within it would.
 */
export function notify(
  source: object,
  channel: string,
  { payload = "", isForAll = true }: { payload?: string; isForAll?: boolean } = {},
): void {
  const wake = { channel, payload, isForAll };
  const pending = pendingOf.get(source);
  if (pending === undefined) {
    outletOf.get(source)?.([wake]);
  } else {
    pending.push(wake);
  }
}

/** Lets wakes that are sent through the handle go to the outlet. */
export function connectOutlet(handle: object, outlet: Outlet): void {
  outletOf.set(handle, outlet);
}

/** Collects the wakes of a transaction; send them once it has committed. */
export function collectWakes(tx: object): readonly Wake[] {
  const wakes: Wake[] = [];
  pendingOf.set(tx, wakes);
  return wakes;
}
