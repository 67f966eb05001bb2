import type { PolicyFacts, WorkerRequestStatus } from "@agentvine/contracts";

/** A worker request of the past: what the rules saw, and what became of it. */
export interface PastRequest {
  readonly id: string;
  readonly taskId: string;
  readonly raisedAt: Date;
  readonly status: WorkerRequestStatus;
  readonly ruleId: string;
  readonly policyVersion: number;
  readonly facts: PolicyFacts;
}

/** Worker requests as a simulation sees them. */
export interface PastRequests {
  /** The newest first, those before the id named. */
  list(query: {
    limit: number;
    repositoryId?: string | undefined;
    before?: string | undefined;
  }): Promise<readonly PastRequest[]>;
}
