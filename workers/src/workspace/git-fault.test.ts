import { describe, expect, it } from "vitest";
import type { CommandResult } from "../sandbox/sandbox.ts";
import { gitFault, lastWords } from "./git-fault.ts";

const failed = (stderr: string, more: Partial<CommandResult> = {}): CommandResult => ({
  endedBy: "exit",
  exitCode: 128,
  stdout: "",
  stderr,
  stdoutBytes: 0,
  stderrBytes: 0,
  isTruncated: false,
  durationMs: 1,
  ...more,
});
const remote = (stderr: string, more: Partial<CommandResult> = {}) =>
  gitFault(failed(stderr, more), "fetch", true, (text) => text);

describe("what git says about a remote", () => {
  it.each([
    ["fatal: unable to access 'https://x/': Could not resolve host: x", "repository.unreachable"],
    [
      "ssh: Could not resolve hostname x: Name or service not known\nfatal: Could not read from remote repository.",
      "repository.unreachable",
    ],
    ["ssh: Could not resolve hostname x: Temporary failure in name resolution", "repository.network_failed"],
    ["fatal: could not read Username for 'https://x': terminal prompts disabled", "repository.auth_failed"],
    ["fatal: Authentication failed for 'https://x/'", "repository.auth_failed"],
    [
      "git@x: Permission denied (publickey).\nfatal: Could not read from remote repository.",
      "repository.auth_failed",
    ],
    [
      "Host key verification failed.\nfatal: Could not read from remote repository.",
      "repository.auth_failed",
    ],
    ["fatal: unable to access 'https://x/': The requested URL returned error: 403", "repository.auth_failed"],
    ["remote: Repository not found.\nfatal: repository 'https://x/' not found", "repository.missing"],
    ["ERROR: Repository not found.\nfatal: Could not read from remote repository.", "repository.missing"],
    [
      "fatal: '/x' does not appear to be a git repository\nfatal: Could not read from remote repository.",
      "repository.missing",
    ],
    [
      "fatal: unable to access 'https://x/': The requested URL returned error: 502",
      "repository.network_failed",
    ],
    [
      "fatal: unable to access 'https://x/': The requested URL returned error: 429",
      "repository.network_failed",
    ],
    [
      "fatal: unable to access 'https://x/': Failed to connect to x port 443: Connection refused",
      "repository.network_failed",
    ],
    ["error: RPC failed; curl 92 HTTP/2 stream\nfatal: early EOF", "repository.network_failed"],
    ["fatal: the remote end hung up unexpectedly", "repository.network_failed"],
    ["fatal: detected dubious ownership in repository at '/x'", "repository.unreachable"],
    ["fatal: transport 'ext' not allowed", "repository.url_invalid"],
    ["error: unable to write file: No space left on device", "storage.full"],
    ["fatal: something new", "git.failed"],
  ])("%j is %s", (stderr, code) => {
    expect(remote(stderr)).toMatchObject({ code });
  });

  it("is retryable for a broken connection only", () => {
    expect(remote("fatal: early EOF").retryable).toBe(true);
    expect(remote("", { endedBy: "timeout", exitCode: null })).toMatchObject({
      code: "repository.network_failed",
      retryable: true,
    });
    expect(remote("fatal: Authentication failed").retryable).toBe(false);
  });
});

describe("what git says about itself", () => {
  it("never blames a repository", () => {
    const local = (stderr: string, more: Partial<CommandResult> = {}) =>
      gitFault(failed(stderr, more), "gc", false, (text) => text);
    expect(local("fatal: not a git repository").code).toBe("git.failed");
    expect(local("", { endedBy: "timeout" }).message).toBe("git gc took too long.");
    expect(local("could not start git: ENOENT", { endedBy: "spawn_error" }).message).toContain(
      "could not be started",
    );
    expect(local("", { endedBy: "signal" }).message).toBe("git gc failed: signal");
  });

  it("is told without progress, hints and endless words", () => {
    expect(lastWords("Counting objects: 1\rCounting objects: 2\nhint: try\nremote: no\nfatal: stop\n")).toBe(
      "remote: no; fatal: stop",
    );
    expect(lastWords("fatal: ".padEnd(2_000, "x"))).toHaveLength(601);
    expect(lastWords("just words")).toBe("just words");
  });
});
