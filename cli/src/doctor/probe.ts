import { execFile } from "node:child_process";
import type { Environment } from "../config.ts";

/** ok: works. info: nothing to do. warn: something is missing that some tasks need. fail: AgentVine can't run. */
export type ProbeStatus = "ok" | "info" | "warn" | "fail";

/** What one look found. `remedy` says what to do about it, empty when nothing. */
export interface Finding {
  readonly subject: string;
  readonly status: ProbeStatus;
  readonly detail: string;
  readonly remedy: string;
}

/** What a probe may look at. Everything outside comes through here, so that tests can give another machine. */
export interface ProbeInput {
  readonly environment: Environment;
  readonly home: string;
  readonly port: number;
  /** Runs a program; resolves to what it printed on both streams, or undefined when it is missing or fails. */
  readonly run: (program: string, args: readonly string[]) => Promise<string | undefined>;
  readonly fetch: typeof globalThis.fetch;
}

/** Looks at one thing. Must not throw. */
export type Probe = (input: ProbeInput) => Promise<Finding | readonly Finding[]>;

export const finding = (subject: string, status: ProbeStatus, detail: string, remedy = ""): Finding => ({
  subject,
  status,
  detail,
  remedy,
});

/** Runs a program of the machine for at most five seconds. */
export const runProgram =
  (environment: Environment): ProbeInput["run"] =>
  (program, args) =>
    new Promise((resolve) => {
      execFile(
        program,
        [...args],
        {
          timeout: 5_000,
          env: { PATH: environment.PATH ?? "", HOME: environment.HOME ?? "" },
          encoding: "utf8",
        },
        (error, stdout, stderr) => resolve(error === null ? `${stdout}${stderr}`.trim() : undefined),
      );
    });
