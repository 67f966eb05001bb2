/** How often and how long a model that does not answer is asked again. */
export interface ModelRetryConfig {
  readonly attemptsMax: number;
  /** No further try begins later than this after the first. */
  readonly elapsedMsMax: number;
  readonly baseMs: number;
  readonly maxMs: number;
}

/** Our own loop over a model. */
export interface BuiltinDriverConfig {
  readonly driver: "builtin";
  /** `provider/name`. */
  readonly model: string;
  readonly apiKey?: string | undefined;
  /** With its version part, e.g. `http://127.0.0.1:11434/v1`. Needed for `openai-compatible` and `scripted`. */
  readonly baseUrl?: string | undefined;
  /** How much the model can take in; older tool outputs are shortened before that. */
  readonly contextTokensMax?: number | undefined;
  readonly outputTokensMax?: number | undefined;
  /** A command of the agent without a time-out of its own is killed after this. */
  readonly commandTimeoutMs?: number | undefined;
  readonly retry?: ModelRetryConfig | undefined;
  /** A stream that says nothing for so long counts as broken. */
  readonly streamIdleMs?: number | undefined;
}

/** Any command line that edits the workspace. */
export interface CommandDriverConfig {
  readonly driver: "command";
  /** `{promptFile}` is replaced by the path of the file that holds the prompt, `{mcpConfigFile}` by that of the relay's configuration. */
  readonly argv: readonly [string, ...string[]];
  readonly label?: string | undefined;
  readonly timeoutMs?: number | undefined;
  /** What the command gets between TERM and KILL when its turn is stopped. */
  readonly graceMs?: number | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

export type DriverConfig = BuiltinDriverConfig | CommandDriverConfig;
