import type { ErrorCode } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import { storageFault } from "../process/storage-fault.ts";
import type { CommandResult } from "../sandbox/sandbox.ts";

interface FaultPattern {
  readonly code: ErrorCode;
  readonly message: string;
  readonly pattern: RegExp;
}

/** What git and the programs below it print (English, because we ask for it) when a remote fails; the first match counts. */
const remoteFaults: readonly FaultPattern[] = [
  {
    code: "repository.url_invalid",
    message: "The repository address can't be used.",
    pattern: /transport '.*' not allowed|unable to find remote helper|strange (hostname|pathname) .* blocked/,
  },
  {
    code: "repository.url_invalid",
    message:
      "The repository answers with a redirect, which is not followed: register the address that it leads to.",
    pattern: /unable to update url base from redirection|error: 30[12378]\b/,
  },
  {
    code: "repository.network_failed",
    message: "The connection to the repository broke.",
    pattern: /Temporary failure in name resolution|error: (429|5\d\d)\b/,
  },
  {
    code: "repository.unreachable",
    message: "The host of the repository is not known.",
    pattern:
      /Could not resolve host|Name or service not known|nodename nor servname|No address associated with hostname/,
  },
  {
    code: "repository.auth_failed",
    message: "The repository refused the credentials, or wants some.",
    pattern:
      /Authentication failed|could not read (Username|Password)|terminal prompts disabled|Permission denied \(|Invalid username or (password|token)|error: 40[13]\b|Host key verification failed|Access denied/i,
  },
  {
    code: "repository.missing",
    message: "There is no git repository at the address.",
    pattern:
      /does not appear to be a git repository|not a git repository|repository .*not found|error: 404\b|does not exist|not valid: is this a git repository|not exported/i,
  },
  {
    code: "repository.unreachable",
    message: "The repository belongs to another user of this machine, and git does not trust it.",
    pattern: /dubious ownership/,
  },
  {
    code: "repository.network_failed",
    message: "The connection to the repository broke.",
    pattern:
      /Connection (refused|timed out|reset|closed)|Failed to connect|Couldn't connect|early EOF|unexpected disconnect|hung up unexpectedly|RPC failed|Network is unreachable|No route to host|timed out|transfer closed|Empty reply|SSL|TLS|GnuTLS|Could not read from remote|Broken pipe|remote end hung up|Operation too slow/i,
  },
];

/** Longest text of git that goes into a message for people. */
const wordsMax = 600;

/**
 * The AppError for a git command that failed.
 * @param isRemote it spoke with a repository elsewhere; without it only disk faults have a code of their own.
 */
export function gitFault(
  result: CommandResult,
  name: string,
  isRemote: boolean,
  redact: (text: string) => string,
): AppError {
  const detail = redact(`${result.stderr}\n${result.stdout}`.trim()).slice(-4_000);
  const storage = storageFault(result.stderr);
  if (storage !== null) {
    return storage;
  }
  if (result.endedBy === "timeout") {
    return new AppError(
      isRemote ? "repository.network_failed" : "git.failed",
      isRemote ? "The repository did not answer in time." : `git ${name} took too long.`,
      { detail },
    );
  }
  if (isRemote && result.endedBy === "exit") {
    const fault = remoteFaults.find(({ pattern }) => pattern.test(result.stderr));
    if (fault !== undefined) {
      return new AppError(fault.code, `${fault.message} git says: ${lastWords(detail)}`, { detail });
    }
  }
  if (result.endedBy === "spawn_error") {
    return new AppError("git.failed", `git could not be started: ${detail}.`);
  }
  return new AppError("git.failed", `git ${name} failed: ${lastWords(detail) || result.endedBy}`, { detail });
}

/** The lines that say why: errors and what the remote said, without progress and hints. */
export function lastWords(text: string): string {
  const lines = text.split(/[\r\n]+/).filter((line) => line.trim() !== "" && !/^hint:|^warning:/.test(line));
  const telling = lines.filter((line) => /^(fatal|error|remote|ssh|!)|rejected/.test(line));
  const words = (telling.length > 0 ? telling : lines).join("; ");
  return words.length > wordsMax ? `${words.slice(0, wordsMax)}…` : words;
}
