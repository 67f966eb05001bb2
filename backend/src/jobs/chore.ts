/** Background work that repeats. A run that fails is tried again at its next time; one that is missed is not made up for. */
export interface Chore {
  readonly name: string;
  readonly everySeconds: number;
  /** Must be safe to run twice: after a crash it may be. Returns what it did, for the log of the queue. */
  readonly run: () => Promise<Readonly<Record<string, unknown>>>;
}
