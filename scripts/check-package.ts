// Proves that the staged package works for somebody who installs it.
//
// What: stages and packs the package, compares what was packed with what was staged, installs the archive into an
//   empty folder with an empty HOME and starts it there: `--version` and `doctor`. With `--demo` the demo is run from
//   the installation as well.
// When: in continuous integration and before a release.
// How: `npm run pack:check`, or `npm run pack:check -- --demo`
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, relative } from "node:path";
import { buildAndStage, stagingFolder } from "./stage-package.ts";

interface Packed {
  filename: string;
  size: number;
  files: { path: string }[];
}

const startTimeoutMs = 120_000;
const installTimeoutMs = 600_000;

function pack(folder: string): Packed {
  const argv = ["pack", "--json", "--pack-destination", folder];
  const output = execFileSync("npm", argv, {
    cwd: stagingFolder,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  const [packed] = Object.values(JSON.parse(output) as Packed[]);
  if (packed === undefined) throw new Error("npm pack made nothing");
  return packed;
}

/** npm leaves some files out of an archive without a word (.gitignore, .npmrc, linked folders). */
function assertEverythingWasPacked({ files }: Packed): void {
  const packed = new Set(files.map(({ path }) => path));
  const staged = readdirSync(stagingFolder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(stagingFolder, join(entry.parentPath, entry.name)));
  const lost = staged.filter((path) => !packed.has(path));
  if (lost.length > 0) throw new Error(`npm pack left out: ${lost.join(", ")}`);
}

/** HOME is empty for everything, and temporary folders lie in it, to be removed at the end; only npm itself may still read its own configuration, for proxies and the like. */
function environment(home: string): NodeJS.ProcessEnv {
  const npmConfig = process.env.NPM_CONFIG_USERCONFIG ?? join(homedir(), ".npmrc");
  const { AGENTVINE_HOME: _ignored, ...rest } = process.env;
  return {
    ...rest,
    HOME: home,
    TMPDIR: home,
    ...(existsSync(npmConfig) ? { NPM_CONFIG_USERCONFIG: npmConfig } : {}),
  };
}

function install(archive: string, folder: string, env: NodeJS.ProcessEnv): void {
  writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
  const argv = ["install", "--no-audit", "--no-fund", archive];
  execFileSync("npm", argv, {
    cwd: folder,
    env,
    stdio: ["ignore", "ignore", "inherit"],
    timeout: installTimeoutMs,
  });
}

function start(folder: string, env: NodeJS.ProcessEnv, argv: string[]): string {
  const command = join(folder, "node_modules/.bin/agentvine");
  const { status, stdout, stderr, error } = spawnSync(command, argv, {
    cwd: folder,
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: startTimeoutMs,
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`agentvine ${argv.join(" ")} ended with ${status}\n${stdout}${stderr}`);
  return stdout.trim();
}

/** Agents start it by its path: it has to answer though no executor is there. */
function startRelay(folder: string, env: NodeJS.ProcessEnv): void {
  const program = join(folder, "node_modules/agentvine/workers/dist/relay-main.js");
  const params = {
    protocolVersion: "2025-06-18",
    capabilities: {},
    clientInfo: { name: "check", version: "1" },
  };
  const messages = [
    { jsonrpc: "2.0", id: 1, method: "initialize", params },
    { jsonrpc: "2.0", method: "notifications/initialized" },
    { jsonrpc: "2.0", id: 2, method: "tools/list" },
  ];
  const { stdout, stderr } = spawnSync(process.execPath, [program, join(folder, "nobody")], {
    cwd: folder,
    env,
    encoding: "utf8",
    input: messages.map((message) => `${JSON.stringify(message)}\n`).join(""),
    timeout: startTimeoutMs,
  });
  if (!stdout.includes('"create_subtask"')) throw new Error(`the relay lists no tools\n${stdout}${stderr}`);
}

function assertVersion(printed: string): void {
  const { version } = JSON.parse(readFileSync(join(stagingFolder, "package.json"), "utf8")) as {
    version: string;
  };
  if (!printed.includes(version)) throw new Error(`--version printed ${printed}, the package is ${version}`);
}

function timed<T>(name: string, work: () => T): T {
  const startedAt = performance.now();
  const result = work();
  console.log(`ok    ${name.padEnd(20)} ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  return result;
}

function run(argv: string[]): void {
  const folder = mkdtempSync(join(tmpdir(), "agentvine-package-"));
  const home = join(folder, "home");
  const installed = join(folder, "installed");
  // As root the database server runs under another account, which has to reach what lies in here.
  chmodSync(folder, 0o755);
  mkdirSync(home);
  mkdirSync(installed);
  const env = environment(home);
  try {
    timed("build and stage", buildAndStage);
    const packed = timed("pack", () => pack(folder));
    assertEverythingWasPacked(packed);
    console.log(`      ${packed.files.length} files, ${Math.round(packed.size / 1024)} KiB`);
    timed("install", () => install(join(folder, packed.filename), installed, env));
    assertVersion(timed("agentvine --version", () => start(installed, env, ["--version"])));
    console.log(timed("agentvine doctor", () => start(installed, env, ["doctor"])));
    timed("relay", () => startRelay(installed, env));
    if (argv.includes("--demo"))
      timed("agentvine demo", () => start(installed, env, ["demo", "--once", "--json"]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

run(process.argv.slice(2));
