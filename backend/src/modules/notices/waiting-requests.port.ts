import type { Db, Tx } from "../../database/client.ts";

/** What a worker request says to those who wait for news of it. */
export interface WaitingRequest {
  readonly kind: string;
  readonly question: string;
  readonly command: string | null;
  readonly deadlineAt: Date | null;
  /** False: it was settled meanwhile, and there is nothing to tell any more. */
  readonly isWaiting: boolean;
}

/** How notices look at worker requests. */
export interface WaitingRequests {
  find(db: Db | Tx, requestId: string): Promise<WaitingRequest | undefined>;
}
