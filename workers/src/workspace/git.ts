import { AppError, type LookUpHost } from "@agentvine/kit";
import { runProcess } from "../process/run-process.ts";
import { processTags } from "../process/sweep-processes.ts";
import { toolPath as toolPathOf } from "../process/tool-path.ts";
import type { CommandResult } from "../sandbox/sandbox.ts";
import { gitFault, lastWords } from "./git-fault.ts";
import { type GitCredential, type OwnSsh, tokenEnvironment, withSshEnvironment } from "./git-secrets.ts";
import { localAccess, type Remote } from "./local-repository.ts";
import { httpPin, pinRemote } from "./pin-remote.ts";
import { parseRemoteAddress } from "./remote-address.ts";

export interface GitOptions {
  /** PATH to find git and ssh in. */
  readonly toolPath?: string;
  /** Private directory for small files of one command; must exist. */
  readonly tempDir: string;
  /** Paths, file:// and http are allowed as repositories. */
  readonly isLocalMode: boolean;
  /** Hosts of private networks, and http, are allowed as repositories. */
  readonly allowsPrivateHosts: boolean;
  /** What a repository elsewhere is opened with; never in an address or in argv. */
  readonly credential?: GitCredential | null;
  readonly ssh?: OwnSsh;
  /** Where names of hosts lead; the resolver of this machine unless told. */
  readonly lookUpHost?: LookUpHost;
  /** Marks git's processes, so that they die with the execution. */
  readonly executionId?: string;
}

export interface GitCommand {
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly stdin?: string | Uint8Array;
  /** 120,000 by default. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** How much of stdout is given back; 8 MiB by default. A longer output ends the command and is marked as truncated. */
  readonly outputBytesMax?: number;
  /** Exit codes that are answers, not failures; `[0]` by default. */
  readonly okExitCodes?: readonly number[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface GitOutput {
  readonly bytes: Uint8Array;
  readonly text: string;
  readonly exitCode: number | null;
  readonly isTruncated: boolean;
  /** What it said on stderr, shortened and redacted. */
  readonly errorText: string;
}

/**
 * git on the host: for mirrors and for fresh checkouts, never in a directory an agent could write. It reads no configuration of user
 * or machine, runs no hook, asks nobody, and may use only the transport of the address at hand.
 */
export interface Git {
  /** @throws AppError `git.failed`, `storage.full`; the signal's reason when aborted. */
  run(command: GitCommand): Promise<GitOutput>;
  /** @throws AppError `repository.*`. */
  resolveRemote(url: string): Promise<Remote>;
  /**
   * A command that speaks with the remote: `args` get the options for its transport behind the subcommand's name.
   * @throws AppError `repository.*` by cause; those of a broken connection are retryable.
   */
  runRemote(
    remote: Remote,
    command: GitCommand & { service: "upload-pack" | "receive-pack" },
  ): Promise<GitOutput>;
  /** Like `runRemote`, but a failure is given back as data. */
  tryRemote(
    remote: Remote,
    command: GitCommand & { service: "upload-pack" | "receive-pack" },
  ): Promise<RemoteAttempt>;
  readonly tempDir: string;
}

export interface RemoteAttempt extends GitOutput {
  /** The error for it, null when it went well. */
  readonly toError: () => Error;
  readonly isDone: boolean;
}

const hardening = [
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "core.attributesFile=/dev/null",
  "core.excludesFile=/dev/null",
  "core.quotePath=false",
  "core.bigFileThreshold=16m",
  "credential.helper=",
  "protocol.ext.allow=never",
  "submodule.recurse=false",
  "fetch.fsckObjects=true",
  "fetch.unpackLimit=1",
  "gc.auto=0",
  "maintenance.auto=false",
  "http.lowSpeedLimit=1000",
  "http.lowSpeedTime=60",
  "advice.detachedHead=false",
  "init.defaultBranch=main",
].flatMap((setting) => ["-c", setting]);

const outputBytesMaxDefault = 8 * 1_048_576;

export function createGit(options: GitOptions): Git {
  const baseEnv = baseEnvironment(options);
  const redact = createRedactor(
    options.credential?.kind === "token" ? options.credential.password : undefined,
  );
  const assertPins = createPinCheck(() => execute({ args: ["version"] }, ["version"], baseEnv));

  const execute = async (command: GitCommand, argv: string[], env: Record<string, string>) => {
    const kept: Uint8Array[] = [];
    let keptBytes = 0;
    const bytesMax = command.outputBytesMax ?? outputBytesMaxDefault;
    const result = await runProcess({
      argv: ["git", ...hardening, ...argv],
      env: { ...env, ...command.env },
      timeoutMs: command.timeoutMs ?? 120_000,
      outputBytesMax: 16_384,
      // stderr counts too; it is small beside what this bounds.
      outputBytesLimit: bytesMax + 1_048_576,
      ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
      ...(command.stdin === undefined ? {} : { stdin: command.stdin }),
      ...(command.signal === undefined ? {} : { signal: command.signal }),
      onOutput: (stream, chunk) => {
        if (stream === "stdout" && keptBytes < bytesMax) {
          const part = Uint8Array.from(chunk.subarray(0, bytesMax - keptBytes));
          kept.push(part);
          keptBytes += part.length;
        }
      },
    });
    if (result.endedBy === "abort") {
      command.signal?.throwIfAborted();
    }
    return { result, output: toOutput(result, Buffer.concat(kept), bytesMax, redact) };
  };

  const isDone = (command: GitCommand, result: CommandResult): boolean =>
    result.endedBy === "output_limit" ||
    (result.endedBy === "exit" && (command.okExitCodes ?? [0]).includes(result.exitCode ?? -1));

  const tryRemote: Git["tryRemote"] = async (remote, command) => {
    const [name = "", ...rest] = command.args;
    const accessOptions = accessArguments(remote, command.service);
    if (remote.pin !== null && remote.transport !== "ssh") await assertPins();
    return await withRemoteEnvironment(options, remote, baseEnv, async (env) => {
      const { result, output } = await execute(
        command,
        [...transportArguments(remote), name, ...accessOptions, ...rest],
        env,
      );
      return {
        ...output,
        isDone: isDone(command, result),
        toError: () => gitFault(result, name, true, redact),
      };
    });
  };

  return {
    tempDir: options.tempDir,
    async run(command) {
      const { result, output } = await execute(command, [...command.args], {
        ...baseEnv,
        GIT_ALLOW_PROTOCOL: "file",
      });
      if (!isDone(command, result)) {
        throw gitFault(result, subcommandOf(command.args), false, redact);
      }
      return output;
    },
    async resolveRemote(url) {
      const { isLocalMode, allowsPrivateHosts } = options;
      const address = parseRemoteAddress(url, {
        allowsPaths: isLocalMode,
        allowsHttp: isLocalMode || allowsPrivateHosts,
      });
      return address.transport === "local"
        ? await localAccess(address, baseEnv)
        : { ...address, access: null, pin: await pinRemote(address, options) };
    },
    tryRemote,
    async runRemote(remote, command) {
      const attempt = await tryRemote(remote, command);
      if (!attempt.isDone) {
        throw attempt.toError();
      }
      return attempt;
    },
  };
}

function toOutput(
  result: CommandResult,
  bytes: Buffer,
  bytesMax: number,
  redact: (text: string) => string,
): GitOutput {
  return {
    errorText: lastWords(redact(result.stderr)),
    bytes: Uint8Array.from(bytes),
    text: bytes.toString("utf8"),
    exitCode: result.exitCode,
    isTruncated: result.stdoutBytes > bytesMax,
  };
}

const subcommandOf = (args: readonly string[]): string =>
  args.find((arg) => /^[a-z][a-z-]*$/.test(arg)) ?? "";

/** Nothing is inherited: no configuration, no agent, no proxy, no credential helper of whoever started the worker. */
function baseEnvironment(options: GitOptions): Record<string, string> {
  return {
    PATH: toolPathOf(options.toolPath),
    HOME: "/nonexistent",
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
    GIT_LFS_SKIP_SMUDGE: "1",
    GIT_ASKPASS: "false",
    SSH_ASKPASS: "false",
    GIT_NO_REPLACE_OBJECTS: "1",
    ...(options.executionId === undefined ? {} : { [processTags.execution]: options.executionId }),
  };
}

/** Since this version of git its http transport can be held to addresses; an older one would pass over the setting. */
const pinsSince = [2, 37] as const;

/** Asks git for its version, once. @param askVersion runs `git version` */
function createPinCheck(askVersion: () => Promise<{ output: GitOutput }>): () => Promise<void> {
  let version: Promise<string> | undefined;
  return async () => {
    version ??= askVersion().then(({ output }) => output.text);
    const text = await version;
    const [, major = "0", minor = "0"] = /(\d+)\.(\d+)/.exec(text) ?? [];
    if (Number(major) > pinsSince[0] || (Number(major) === pinsSince[0] && Number(minor) >= pinsSince[1]))
      return;
    throw new AppError(
      "git.failed",
      `git 2.37 or newer is needed to hold a connection to the address that was checked; this is ${text.trim() || "none"}. Install a newer git, or set AGENTVINE_ALLOW_PRIVATE_HOSTS=true for this worker to connect unchecked.`,
    );
  };
}

/** What fsck finds in old repositories and nobody can mend any more. */
export const harmlessFlaws = [
  "zeroPaddedFilemode",
  "badTimezone",
  "missingSpaceBeforeDate",
  "missingEmail",
] as const;

/** Redirects lead to hosts that nobody checked. */
function transportArguments(remote: Remote): string[] {
  return [
    "http.followRedirects=false",
    ...(remote.pin === null || remote.transport === "ssh" ? [] : [httpPin(remote.pin)]),
    `protocol.file.allow=${remote.transport === "local" ? "always" : "never"}`,
    ...harmlessFlaws.map((flaw) => `fetch.fsck.${flaw}=ignore`),
  ].flatMap((setting) => ["-c", setting]);
}

function accessArguments(remote: Remote, service: "upload-pack" | "receive-pack"): string[] {
  const prefix = remote.access?.runAsOwner;
  return prefix === undefined ? [] : [`--${service}=${[...prefix, "git", service].join(" ")}`];
}

async function withRemoteEnvironment<T>(
  options: GitOptions,
  remote: Remote,
  baseEnv: Record<string, string>,
  fn: (env: Record<string, string>) => Promise<T>,
): Promise<T> {
  const env: Record<string, string> = {
    ...baseEnv,
    GIT_ALLOW_PROTOCOL: remote.transport === "local" ? "file" : remote.transport,
  };
  const { credential, tempDir, ssh: own = {} } = options;
  if (remote.transport === "ssh") {
    const key = credential?.kind === "ssh_key" ? credential : null;
    return await withSshEnvironment(key, { tempDir, own, pin: remote.pin }, (more) =>
      fn({ ...env, ...more }),
    );
  }
  if (remote.transport !== "local" && credential?.kind === "token") {
    Object.assign(env, await tokenEnvironment(credential, tempDir));
  }
  if (remote.access?.trustFile !== undefined) {
    return await remote.access.trustFile(options.tempDir, (file) => fn({ ...env, GIT_CONFIG_GLOBAL: file }));
  }
  return await fn(env);
}

/** Removes users and tokens of addresses, and the password at hand, from what git printed. */
function createRedactor(password: string | undefined): (text: string) => string {
  return (text) => {
    const clean = text.replace(/([a-z][a-z0-9+.-]*:\/\/)[^/@\s]+@/gi, "$1[redacted]@");
    return password === undefined || password.length < 6 ? clean : clean.replaceAll(password, "[redacted]");
  };
}
