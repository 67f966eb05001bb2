import { readFileSync } from "node:fs";
import { AppError } from "@agentvine/kit";

/** The account the server runs under. */
export interface ServerAccount {
  name: string;
  uid: number;
  gid: number;
}

const candidates = ["agentvine", "postgres", "nobody"];

/**
 * PostgreSQL refuses to run as root: then one of the accounts `agentvine`, `postgres` or `nobody`; else undefined, which
 * means our own account.
 * @throws AppError `postgres.start_failed` when root has none of these accounts.
 */
export function findServerAccount(
  uid: number | undefined = process.getuid?.(),
  accountsFile = "/etc/passwd",
): ServerAccount | undefined {
  if (uid !== 0) {
    return undefined;
  }
  const accounts = readFileSync(accountsFile, "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  for (const name of candidates) {
    const fields = accounts.find(([candidate]) => candidate === name);
    if (fields !== undefined) {
      return { name, uid: Number(fields[2]), gid: Number(fields[3]) };
    }
  }
  throw new AppError(
    "postgres.start_failed",
    "PostgreSQL does not run as root, and there is no account to run it under. Add one (useradd --system agentvine), run AgentVine as a normal user, or set DATABASE_URL.",
  );
}

/** The options of a child process that runs under the account. */
export function accountOptions(account: ServerAccount | undefined): { uid?: number; gid?: number } {
  return account === undefined ? {} : { uid: account.uid, gid: account.gid };
}
