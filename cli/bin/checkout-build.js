// Keeps the compiled programs of a checkout in step with their sources.
//
// A fingerprint of all sources (path, size, time of change) is written after each build. When it still matches, nothing
// is done; that costs a few milliseconds. Otherwise one process builds and the others wait for it: the lock is a file
// that holds the builder's process id and is taken over when that process is gone.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const programs = ["backend", "workers", "controller", "cli"];
const outputs = [
  "backend/dist/main.js",
  "workers/dist/main.js",
  "workers/dist/executor-main.js",
  "workers/dist/relay-main.js",
  "controller/dist/main.js",
  "cli/dist/main.js",
];
const dist = join(root, "cli/dist");
const fingerprintFile = join(dist, ".fingerprint");
const lockFile = join(dist, ".build-lock");

const lockPollMs = 50;
const lockWaitMsMax = 180_000;

/**
 * Builds when the sources differ from what was last built, or always when forced.
 * @param {{ isForced?: boolean }} options
 * @returns {Promise<string | undefined>} what went wrong, or undefined when the programs are up to date
 */
export async function ensureBuilt({ isForced = false } = {}) {
  if (!isForced && isUpToDate()) return undefined;
  try {
    mkdirSync(dist, { recursive: true });
    return await withLock(() => (!isForced && isUpToDate() ? undefined : build()));
  } catch (error) {
    if (error.code !== "EACCES" && error.code !== "EPERM" && error.code !== "EROFS") throw error;
    if (!hasOutputs()) {
      return `cannot build: ${dist} is not writable for this user; run npm run build as its owner`;
    }
    console.error(
      "agentvine: the sources have changed but cannot be built by this user; using the last build",
    );
    return undefined;
  }
}

function isUpToDate() {
  return (
    hasOutputs() && existsSync(fingerprintFile) && readFileSync(fingerprintFile, "utf8") === fingerprint()
  );
}

function hasOutputs() {
  return outputs.every((path) => existsSync(join(root, path)));
}

/** Builds and notes what was built; the fingerprint is taken first, so that a change during the build is seen next time. */
function build() {
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  if (!existsSync(compiler)) return `the dependencies are not installed: run npm ci in ${root}`;
  console.error("agentvine: building…");
  const sources = fingerprint();
  // The compiler goes by its own notes and would not replace a file that somebody deleted.
  const force = hasOutputs() ? [] : ["--force"];
  const { status, stdout, stderr, error } = spawnSync(
    process.execPath,
    [compiler, "-b", ...force, ...programs],
    {
      cwd: root,
      encoding: "utf8",
    },
  );
  if (error !== undefined) return `the build could not be started: ${error.message}`;
  if (status !== 0) return `the build failed\n${stdout}${stderr}`.trimEnd();
  writeFileSync(fingerprintFile, sources);
  return undefined;
}

function fingerprint() {
  const packages = readdirSync(join(root, "packages")).map((name) => `packages/${name}`);
  const workspaces = [...packages, ...programs].sort();
  const files = [
    join(root, "tsconfig.base.json"),
    ...workspaces.flatMap((workspace) => [
      join(root, workspace, "package.json"),
      join(root, workspace, "tsconfig.json"),
      ...listSources(join(root, workspace, "src")),
    ]),
  ];
  const hash = createHash("sha256");
  for (const file of files) {
    const stats = statSync(file, { throwIfNoEntry: false });
    if (stats !== undefined) hash.update(`${relative(root, file)} ${stats.size} ${stats.mtimeMs}\n`);
  }
  return hash.digest("hex");
}

function listSources(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .sort((left, right) => (left.name < right.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return entry.name === "testing" ? [] : listSources(path);
      return entry.name.endsWith(".test.ts") ? [] : [path];
    });
}

async function withLock(work) {
  const giveUpAt = Date.now() + lockWaitMsMax;
  while (!takeLock()) {
    if (Date.now() > giveUpAt)
      return `another process (${holderOfLock()}) has been building for too long: ${lockFile}`;
    await sleep(lockPollMs);
  }
  try {
    return work();
  } finally {
    rmSync(lockFile, { force: true });
  }
}

/** Linking a file that already holds the process id makes taking the lock and naming its holder one step. */
function takeLock() {
  const claim = `${lockFile}.${process.pid}`;
  writeFileSync(claim, String(process.pid));
  try {
    linkSync(claim, lockFile);
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    removeLockOfTheDead();
    return false;
  } finally {
    rmSync(claim, { force: true });
  }
}

function removeLockOfTheDead() {
  const holder = holderOfLock();
  if (holder === undefined || isAlive(Number(holder))) return;
  // Renaming first: of several that saw the dead holder only one moves its lock, and a lock that somebody took in
  // between is given back.
  const stolen = `${lockFile}.stolen.${process.pid}`;
  try {
    renameSync(lockFile, stolen);
    if (readFileSync(stolen, "utf8") !== holder) linkSync(stolen, lockFile);
  } catch (error) {
    if (error.code !== "ENOENT" && error.code !== "EEXIST") throw error;
  } finally {
    rmSync(stolen, { force: true });
  }
}

function holderOfLock() {
  try {
    return readFileSync(lockFile, "utf8");
  } catch {
    // Released in between.
    return undefined;
  }
}

/** This process holds no lock while it asks: a lock with its id was left by an earlier process of the same id. */
function isAlive(pid) {
  if (!(pid > 0) || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
