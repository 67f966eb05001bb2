// Adds the optional platform packages that npm left out of package-lock.json, so that `npm ci` accepts the file.
//
// What: npm writes a platform package (say @biomejs/cli-darwin-arm64) into the lockfile only when the registry in use
//   serves it. When one is missing, `npm ci` refuses the whole lockfile ("Missing: … from lock file").
// When: after every `npm install`. `npm run check` fails while something is missing.
// How: `npx tsx scripts/complete-lockfile.ts` lists what is wrong; with `--fix` it is repaired in place.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { repositoryRoot } from "./repository-files.ts";

export interface LockedPackage {
  version?: string;
  resolved?: string;
  link?: boolean;
  dev?: boolean;
  devOptional?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
  [key: string]: unknown;
}

export interface Lockfile {
  packages: Record<string, LockedPackage>;
  [key: string]: unknown;
}

export interface MissingPackage {
  /** Lockfile key of the package that wants it, e.g. `node_modules/oxlint`. */
  dependent: string;
  name: string;
  version: string;
}

const exactVersion = /^\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?$/;

/** The optional dependencies that no entry of the lockfile satisfies. */
export function findMissing(lockfile: Lockfile): MissingPackage[] {
  const missing: MissingPackage[] = [];
  for (const [dependent, entry] of Object.entries(lockfile.packages)) {
    for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
      const version = range.replace(/^[\^~=]/, "");
      const found = resolveEntry(lockfile, dependent, name);
      const isSatisfied = found !== undefined && (!exactVersion.test(range) || found.version === range);
      if (!isSatisfied) missing.push({ dependent, name, version });
    }
  }
  return missing;
}

/** Entries that name where a package was downloaded from: they bind the lockfile to one registry. */
export function findPinnedDownloads(lockfile: Lockfile): string[] {
  return Object.entries(lockfile.packages)
    .filter(([, entry]) => entry.resolved !== undefined && /^[a-z+]+:/.test(entry.resolved))
    .map(([key]) => key);
}

/** A copy of the lockfile with every missing entry added and every download address removed. */
export function completeLockfile(lockfile: Lockfile): Lockfile {
  const packages: Record<string, LockedPackage> = {};
  for (const [key, entry] of Object.entries(lockfile.packages)) {
    const { resolved, ...rest } = entry;
    packages[key] = resolved === undefined || /^[a-z+]+:/.test(resolved) ? rest : entry;
  }
  for (const { dependent, name, version } of findMissing(lockfile)) {
    if (!exactVersion.test(version))
      throw new Error(`${dependent} wants ${name} ${version}: no exact version to lock`);
    const hoisted = `node_modules/${name}`;
    const key = packages[hoisted] === undefined ? hoisted : `${dependent}/node_modules/${name}`;
    packages[key] ??= platformEntry(name, version, packages[dependent]);
  }
  const sorted = Object.entries(packages).sort(([left], [right]) => left.localeCompare(right, "en"));
  return { ...lockfile, packages: Object.fromEntries(sorted) };
}

/** Node's lookup: the nearest `node_modules` on the way from the dependent up to the root. */
function resolveEntry(lockfile: Lockfile, dependent: string, name: string): LockedPackage | undefined {
  let folder = dependent;
  for (;;) {
    const entry =
      lockfile.packages[folder === "" ? `node_modules/${name}` : `${folder}/node_modules/${name}`];
    if (entry !== undefined || folder === "") return entry;
    const end = folder.lastIndexOf("/node_modules/");
    folder = end === -1 ? "" : folder.slice(0, end);
  }
}

function platformEntry(name: string, version: string, dependent: LockedPackage | undefined): LockedPackage {
  const { os, cpu, libc } = platformOf(name);
  return {
    version,
    ...(cpu === undefined ? {} : { cpu: [cpu] }),
    ...(dependent?.dev === true ? { dev: true } : {}),
    ...(libc === undefined ? {} : { libc: [libc] }),
    optional: true,
    ...(os === undefined ? {} : { os: [os] }),
  };
}

// Longer spellings first: "arm64" must not be read as "arm", nor "darwin" as "win".
const systems: [RegExp, string | undefined][] = [
  [/wasm32|wasi/, undefined],
  [/darwin|macos/, "darwin"],
  [/win32|windows/, "win32"],
  [/android/, "android"],
  [/freebsd/, "freebsd"],
  [/openharmony/, "openharmony"],
  [/linux/, "linux"],
];
const processors: [RegExp, string][] = [
  [/arm64|aarch64/, "arm64"],
  [/arm/, "arm"],
  [/x64|x86_64/, "x64"],
  [/ia32/, "ia32"],
  [/ppc64/, "ppc64"],
  [/riscv64/, "riscv64"],
  [/s390x/, "s390x"],
  [/loong64/, "loong64"],
  [/wasm32|wasi/, "wasm32"],
];

/** Reads os, cpu and libc from a platform package's name; throws when the name says neither. */
export function platformOf(name: string): { os?: string; cpu?: string; libc?: string } {
  const system = systems.find(([pattern]) => pattern.test(name));
  const processor = processors.find(([pattern]) => pattern.test(name));
  if (system === undefined && processor === undefined) {
    throw new Error(`${name} is missing from the lockfile and its name tells no platform: add it by hand`);
  }
  const libc = /musl/.test(name) ? "musl" : /gnu/.test(name) && system?.[1] === "linux" ? "glibc" : undefined;
  return {
    ...(system?.[1] === undefined ? {} : { os: system[1] }),
    ...(processor === undefined ? {} : { cpu: processor[1] }),
    ...(libc === undefined ? {} : { libc }),
  };
}

/** Every complaint about the lockfile at `path` as one line each; empty when `npm ci` will take it anywhere. */
export function lockfileProblems(path: string): string[] {
  const lockfile = readLockfile(path);
  return [
    ...findMissing(lockfile).map(
      ({ dependent, name, version }) => `${dependent}: ${name}@${version} is missing`,
    ),
    ...findPinnedDownloads(lockfile).map((key) => `${key}: names the address it was downloaded from`),
  ];
}

function readLockfile(path: string): Lockfile {
  return JSON.parse(readFileSync(path, "utf8")) as Lockfile;
}

function run(argv: string[]): number {
  const path =
    argv.find((argument) => !argument.startsWith("--")) ?? join(repositoryRoot, "package-lock.json");
  if (argv.includes("--fix")) {
    writeFileSync(path, `${JSON.stringify(completeLockfile(readLockfile(path)), null, 2)}\n`);
  }
  const problems = lockfileProblems(path);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) console.error("repair with: npx tsx scripts/complete-lockfile.ts --fix");
  return problems.length === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  process.exitCode = run(process.argv.slice(2));
