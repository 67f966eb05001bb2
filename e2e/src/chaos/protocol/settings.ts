/** What the harness tells a protocol worker, as JSON in its environment. */
export interface ProtocolSettings {
  readonly name: string;
  readonly serverUrl: string;
  readonly token: string;
  readonly dataDir: string;
  readonly journalDirectory: string;
  /** Of the journal; another one for each start. */
  readonly journalName: string;
  readonly seed: number;
  readonly slots: number;
}

export const settingsVariable = "AGENTVINE_CHAOS_WORKER";
