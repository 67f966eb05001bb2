import { randomBytes } from "node:crypto";
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { AppError } from "@agentvine/kit";
import type { Binaries } from "./binaries.ts";
import { directoryError, diskFullError } from "./directory-error.ts";
import { runProgram } from "./run-program.ts";
import type { ServerAccount } from "./server-account.ts";

export const superuser = "agentvine";
const majorVersion = "18";

export interface ClusterOptions {
  dataDir: string;
  binaries: Binaries;
  account: ServerAccount | undefined;
  timeoutMs: number;
  /** Tests only: do not force the new files to disk. */
  isUnsynced: boolean;
  log: (line: string) => void;
}

/**
 * Makes the cluster when there is none, and returns the superuser's password.
 * @throws AppError `postgres.version_unsupported`, `postgres.start_failed`, `home.unusable` or `storage.full`.
 */
export async function ensureCluster(options: ClusterOptions): Promise<string> {
  const { dataDir } = options;
  try {
    removeDrafts(dataDir);
    if (!existsSync(join(dataDir, "PG_VERSION"))) {
      return await createCluster(options);
    }
    assertVersion(dataDir);
    return existsSync(secretFile(dataDir))
      ? readFileSync(secretFile(dataDir), "utf8").trim()
      : await resetSecret(options);
  } catch (error) {
    throw directoryError(error, dataDir);
  }
}

const secretFile = (dataDir: string): string => `${dataDir}.secret`;

const newSecret = (): string => randomBytes(24).toString("base64url");

function saveSecret(dataDir: string, secret: string): void {
  writeFileSync(`${secretFile(dataDir)}.new`, `${secret}\n`, { mode: 0o600 });
  renameSync(`${secretFile(dataDir)}.new`, secretFile(dataDir));
}

function assertVersion(dataDir: string): void {
  const version = readFileSync(join(dataDir, "PG_VERSION"), "utf8").trim();
  if (version !== majorVersion) {
    throw new AppError(
      "postgres.version_unsupported",
      `The cluster in ${dataDir} was made by PostgreSQL ${version}, this AgentVine brings ${majorVersion}. Start it with a PostgreSQL ${version} of yours and set DATABASE_URL to it, or choose another AGENTVINE_HOME.`,
    );
  }
}

/** What is left of an initdb that was interrupted; a killed one may still be writing, so this may fail. */
function removeDrafts(dataDir: string): void {
  const parent = dirname(dataDir);
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(parent)) {
    if (name.startsWith(`${basename(dataDir)}.init-`)) {
      try {
        rmSync(join(parent, name), { recursive: true, force: true });
      } catch {
        // The next start tries again.
      }
    }
  }
}

/** initdb into a draft and a rename: what is at `dataDir` is always complete. */
async function createCluster(options: ClusterOptions): Promise<string> {
  const { dataDir, binaries, account, timeoutMs, isUnsynced, log } = options;
  log(`creating a PostgreSQL cluster in ${dataDir}`);
  const draft = `${dataDir}.init-${randomBytes(4).toString("hex")}`;
  const passwordFile = `${draft}.password`;
  const secret = newSecret();
  try {
    mkdirSync(draft, { mode: 0o700 });
    writeFileSync(passwordFile, `${secret}\n`, { mode: 0o600 });
    if (account !== undefined) {
      chownSync(draft, account.uid, account.gid);
      chownSync(passwordFile, account.uid, account.gid);
    }
    const args = ["-D", draft, "-U", superuser, "-A", "scram-sha-256", "--pwfile", passwordFile];
    args.push("-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C");
    args.push(...(isUnsynced ? ["--no-sync"] : []));
    const { status, output } = await runProgram(binaries.initdb, args, { account, timeoutMs });
    if (status !== 0) {
      throw initError(output, dataDir, account);
    }
    saveSecret(dataDir, secret);
    renameSync(draft, dataDir);
    return secret;
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    throw error;
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

function initError(output: string, dataDir: string, account: ServerAccount | undefined): AppError {
  const who = account === undefined ? "" : ` for the account ${account.name}`;
  return serverError(output, dataDir, `The PostgreSQL cluster could not be created in ${dataDir}${who}`);
}

/** The reason that a PostgreSQL program gave, as one line. */
export function serverError(output: string, dataDir: string, message: string): AppError {
  if (/No space left on device|Disk quota exceeded|Check free disk space/.test(output)) {
    return diskFullError(dataDir, { detail: output });
  }
  const lines = output.split("\n").filter((line) => line.trim() !== "");
  const reason =
    lines.find((line) => /\b(FATAL|PANIC|ERROR|error):/.test(line)) ?? lines.at(-1) ?? "it gave no reason";
  const text = reason.replace(/^.*?\b(FATAL|PANIC|ERROR|error):\s*/, "");
  const isRefused = /Permission denied|Operation not permitted|Read-only file system/.test(output);
  return new AppError(isRefused ? "home.unusable" : "postgres.start_failed", `${message}: ${text}`, {
    detail: output,
  });
}

/** The secret was lost (a copy of the data directory alone, say): single-user mode asks for none. */
async function resetSecret({ dataDir, binaries, account, timeoutMs, log }: ClusterOptions): Promise<string> {
  log(`${secretFile(dataDir)} is missing: setting a new password`);
  const secret = newSecret();
  const { status, output } = await runProgram(binaries.postgres, ["--single", "-D", dataDir, "postgres"], {
    account,
    timeoutMs,
    // The secret's alphabet needs no quoting.
    input: `alter role ${superuser} password '${secret}'\n`,
  });
  if (status !== 0) {
    throw serverError(
      output,
      dataDir,
      `The password of the PostgreSQL cluster in ${dataDir} could not be set`,
    );
  }
  saveSecret(dataDir, secret);
  return secret;
}
