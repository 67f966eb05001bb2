import { randomUUID } from "node:crypto";
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { withStorageFaults } from "../process/storage-fault.ts";
import { type HostPin, sshPin } from "./pin-remote.ts";

/** How git proves who it is at a repository elsewhere. */
export type GitCredential =
  /** For https. */
  | { readonly kind: "token"; readonly username: string; readonly password: string }
  /** The host must show one of the keys of `knownHosts`, in the form of the file of that name. */
  | { readonly kind: "ssh_key"; readonly privateKey: string; readonly knownHosts: string };

/** ssh of this machine: what the worker's owner set up. */
export interface OwnSsh {
  readonly authSock?: string;
  readonly identityFile?: string;
  readonly knownHostsFile?: string;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** @param pin null: ssh asks the resolver itself */
function sshCommand(ssh: OwnSsh, pin: HostPin | null, isHandedOut: boolean): string {
  return [
    "ssh -F /dev/null -oBatchMode=yes -oStrictHostKeyChecking=yes -oConnectTimeout=15",
    ssh.knownHostsFile === undefined ? "" : `-oUserKnownHostsFile=${quoted(ssh.knownHostsFile)}`,
    // Only the keys that were handed out count, not those of the machine.
    isHandedOut ? "-oGlobalKnownHostsFile=/dev/null" : "",
    ssh.identityFile === undefined ? "" : `-oIdentitiesOnly=yes -i ${quoted(ssh.identityFile)}`,
    ...(pin === null ? [] : sshPin(pin).map(quoted)),
  ]
    .filter((part) => part !== "")
    .join(" ");
}

/** The program holds no secret: it prints what stands in the environment of the one git command that calls it. */
async function askpassProgram(tempDir: string): Promise<string> {
  const path = join(tempDir, "git-askpass");
  const text =
    '#!/bin/sh\ncase "$1" in\nUsername*) printf \'%s\\n\' "$AGENTVINE_GIT_USERNAME" ;;\n*) printf \'%s\\n\' "$AGENTVINE_GIT_PASSWORD" ;;\nesac\n';
  await withStorageFaults("The directory for temporary files", async () => {
    await writeFile(path, text, { mode: 0o700 });
    await chmod(path, 0o700);
  });
  return path;
}

/** The environment of a git command over https: it gets user and password there, by askpass. */
export const tokenEnvironment = async (
  { username, password }: Extract<GitCredential, { kind: "token" }>,
  tempDir: string,
): Promise<Record<string, string>> => ({
  GIT_ASKPASS: await askpassProgram(tempDir),
  AGENTVINE_GIT_USERNAME: username,
  AGENTVINE_GIT_PASSWORD: password,
});

const withEnd = (text: string): string => (text.endsWith("\n") ? text : `${text}\n`);

/**
 * Calls with the environment of a git command over ssh. A key that was handed out lies in a directory that only we can open, while the
 * one command runs, and in it no other key is offered.
 */
export async function withSshEnvironment<T>(
  credential: Extract<GitCredential, { kind: "ssh_key" }> | null,
  options: { readonly tempDir: string; readonly own: OwnSsh; readonly pin: HostPin | null },
  fn: (env: Record<string, string>) => Promise<T>,
): Promise<T> {
  const { tempDir, own, pin } = options;
  if (credential === null) {
    const agent = own.authSock === undefined ? {} : { SSH_AUTH_SOCK: own.authSock };
    return await fn({ GIT_SSH_COMMAND: sshCommand(own, pin, false), ...agent });
  }
  const directory = join(tempDir, `ssh-${randomUUID()}`);
  const identityFile = join(directory, "key");
  const knownHostsFile = join(directory, "known_hosts");
  try {
    await withStorageFaults("The directory for temporary files", async () => {
      await mkdir(directory, { mode: 0o700 });
      await writeFile(identityFile, withEnd(credential.privateKey), { mode: 0o600 });
      await writeFile(knownHostsFile, withEnd(credential.knownHosts), { mode: 0o600 });
    });
    return await fn({ GIT_SSH_COMMAND: sshCommand({ identityFile, knownHostsFile }, pin, true) });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
