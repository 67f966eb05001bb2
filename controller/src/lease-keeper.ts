import type { RequestLease } from "@agentvine/contracts";
import { sleep } from "@agentvine/kit";
import { type ControllerApi, isLeaseOver } from "./controller-api.ts";

/** Renews a third of the way through. */
const part = 3;

/**
 * Holds a lease while the model thinks. Aborts `lost` when it is over: nothing that is thought then counts.
 * @returns how to stop
 */
export function keepLease(
  api: Pick<ControllerApi, "renew">,
  { request, leaseToken, leaseMs }: RequestLease,
  controllerId: string,
  lost: AbortController,
): () => void {
  const stopping = new AbortController();
  const ref = { controllerId, leaseToken, generation: request.generation };
  const keep = async (): Promise<void> => {
    for (;;) {
      await sleep(leaseMs / part, stopping.signal);
      try {
        await api.renew(request.id, ref, stopping.signal);
      } catch (error) {
        if (isLeaseOver(error)) {
          lost.abort(new Error("the request is not ours any more"));
          return;
        }
      }
    }
  };
  keep().catch(() => undefined); // stopped
  return () => stopping.abort();
}
