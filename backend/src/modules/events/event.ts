import type { EventType } from "@agentvine/contracts";

/** A fact to write down, in the transaction that makes it true. */
export interface NewEvent {
  type: EventType;
  taskId?: string | null;
  workOrderId?: string | null;
  executionId?: string | null;
  workerId?: string | null;
  attempt?: number | null;
  correlationId?: string | null;
  /** Facts of this type; a JSON object. */
  data?: Record<string, unknown>;
}

export interface EventFilter {
  /** Only events behind this position. */
  after: number;
  limit: number;
  taskId?: string | undefined;
  executionId?: string | undefined;
}

/** Channel on which writers tell the sequencer of their process that there are events without a position. */
export const recordedChannel = "agentvine_events_recorded";
/** Channel on which the sequencer says that there are new positions. */
export const positionedChannel = "agentvine_events_positioned";
