import type { Readable } from "node:stream";
import type { Client } from "@agentvine/client";
import type { CliConfig } from "../config.ts";
import type { Output } from "../output/output.ts";

/** What every command gets. */
export interface CommandContext {
  readonly config: CliConfig;
  readonly output: Output;
  readonly stdin: Readable;
  /** Fires at Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
}

/** Flags that every command that talks to the backend has. */
export interface ServerFlags {
  readonly server?: string;
  readonly json?: boolean;
}

/** A command that has its client already. Returns the exit code. */
export interface ClientContext extends CommandContext {
  readonly client: Client;
  readonly json: boolean;
}

/** Keeps the exit code of the command that ran. */
export type Finish = (code: Promise<number>) => Promise<void>;
