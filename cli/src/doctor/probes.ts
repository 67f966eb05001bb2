import { accessSync, constants, existsSync, statfsSync } from "node:fs";
import { freemem, totalmem } from "node:os";
import { dirname } from "node:path";
import { assertPortFree } from "../processes/free-port.ts";
import { readUpState } from "../processes/up-state.ts";
import { controllerModel } from "./model-probe.ts";
import { type Finding, finding, type Probe } from "./probe.ts";

const gib = 1024 ** 3;

const node: Probe = async () => finding("node", "ok", `${process.versions.node} at ${process.execPath}`);

/** Older git lets a cloned repository run code (CVE-2024-32002, CVE-2025-48384). */
const git: Probe = async ({ run }) => {
  const printed = await run("git", ["--version"]);
  const version = /(\d+)\.(\d+)(\.\d+)?/.exec(printed ?? "");
  if (version === null) return finding("git", "fail", "not found", "install git 2.39 or newer");
  const [major = 0, minor = 0] = version.slice(1, 3).map(Number);
  if (major < 2 || (major === 2 && minor < 39))
    return finding("git", "warn", version[0], "install git 2.39 or newer");
  return finding("git", "ok", version[0]);
};

const existingParent = (path: string): string => (existsSync(path) ? path : existingParent(dirname(path)));

const home: Probe = async ({ home: path }) => {
  const parent = existingParent(path);
  try {
    accessSync(parent, constants.W_OK | constants.X_OK);
  } catch {
    return finding(
      "data directory",
      "fail",
      `${path} is not writable`,
      "set AGENTVINE_HOME to a directory you may write to",
    );
  }
  return finding("data directory", "ok", existsSync(path) ? path : `${path} (made at first start)`);
};

const inGib = (bytes: number): string => `${Number((bytes / gib).toFixed(1))} GiB`;

const roomAt = (subject: string, path: string, bytesMin: number): Finding => {
  const { bavail, bsize } = statfsSync(existingParent(path));
  const free = bavail * bsize;
  const detail = `${(free / gib).toFixed(1)} GiB free in ${path}`;
  if (free < bytesMin) {
    const remedy = `workers take no work below ${inGib(bytesMin)} (AGENTVINE_WORKER_DISK_FREE_BYTES_MIN): free some space`;
    return finding(subject, "fail", detail, remedy);
  }
  const isTight = free < 5 * gib;
  return finding(subject, isTight ? "warn" : "ok", detail, isTight ? "clones and logs need room" : "");
};

/** Where everything lies, and where a worker of this machine works if that is elsewhere. */
const disk: Probe = async ({ home: path, environment }) => {
  const set = Number(environment.AGENTVINE_WORKER_DISK_FREE_BYTES_MIN || gib);
  const bytesMin = Number.isFinite(set) ? set : gib;
  const workerDir = environment.AGENTVINE_WORKER_DATA_DIR;
  const own = roomAt("disk", path, bytesMin);
  return workerDir ? [own, roomAt("worker's disk", workerDir, bytesMin)] : own;
};

const memory: Probe = async () => {
  const detail = `${(freemem() / gib).toFixed(1)} of ${(totalmem() / gib).toFixed(1)} GiB free`;
  return finding("memory", totalmem() < gib ? "warn" : "ok", detail);
};

const port: Probe = async ({ home: path, port: number }) => {
  const up = readUpState(path);
  if (up !== undefined) return finding("backend", "ok", `runs at ${up.url} (pid ${up.pid})`);
  try {
    await assertPortFree("127.0.0.1", number);
    return finding("port", "ok", `${number} is free`);
  } catch {
    return finding("port", "warn", `${number} is taken by another program`, "start with --port <other>");
  }
};

const embeddedPlatforms = new Set(["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64", "win32-x64"]);

const database: Probe = async ({ environment }) => {
  if (environment.DATABASE_URL || environment.DATABASE_URL_FILE)
    return finding("database", "ok", "yours, by DATABASE_URL");
  const platform = `${process.platform}-${process.arch}`;
  return embeddedPlatforms.has(platform)
    ? finding("database", "ok", `embedded PostgreSQL for ${platform}`)
    : finding(
        "database",
        "fail",
        `no embedded PostgreSQL for ${platform}`,
        "set DATABASE_URL to a PostgreSQL of yours",
      );
};

const redis: Probe = async ({ environment }) =>
  environment.REDIS_URL
    ? finding("background queue", "ok", "Redis, by REDIS_URL")
    : finding("background queue", "info", "PostgreSQL (set REDIS_URL to use Redis)");

const keyNames = ["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "AGENTVINE_MODEL_API_KEY"] as const;

const modelKeys: Probe = async ({ environment }) => {
  const found = keyNames.filter((name) => environment[name] || environment[`${name}_FILE`]);
  // Names only: a key's value is never shown.
  return found.length > 0
    ? finding("model keys", "ok", found.join(", "))
    : finding(
        "model keys",
        "warn",
        "none found",
        `set ${keyNames.slice(0, 2).join(" or ")}, or run a local model server`,
      );
};

const ollamaModels = async (
  fetch: typeof globalThis.fetch,
  url: string,
): Promise<readonly string[] | undefined> => {
  try {
    const response = await fetch(`${url}/api/tags`, { signal: AbortSignal.timeout(1_500) });
    const body: unknown = await response.json();
    if (typeof body !== "object" || body === null || !("models" in body) || !Array.isArray(body.models))
      return [];
    return body.models.flatMap((model: unknown) =>
      typeof model === "object" && model !== null && "name" in model && typeof model.name === "string"
        ? [model.name]
        : [],
    );
  } catch {
    return undefined; // nobody answers there
  }
};

const ollama: Probe = async ({ fetch, environment }) => {
  const host = environment.OLLAMA_HOST ?? "127.0.0.1:11434";
  const url = /^https?:\/\//.test(host) ? host : `http://${host}`;
  const models = await ollamaModels(fetch, url);
  if (models === undefined) return finding("local models", "info", `no Ollama at ${url}`);
  if (models.length === 0)
    return finding("local models", "warn", `Ollama at ${url} has no model`, "ollama pull qwen3-coder");
  return finding("local models", "ok", `Ollama at ${url}: ${models.slice(0, 5).join(", ")}`);
};

const agentPrograms = ["opencode", "codex", "claude", "gemini", "qwen", "goose"] as const;

const agents: Probe = async ({ run }) => {
  const versions = await Promise.all(
    agentPrograms.map(async (name) => [name, await run(name, ["--version"])] as const),
  );
  const found = versions.flatMap(([name, version]) =>
    version === undefined ? [] : [`${name} ${version.split("\n")[0]}`],
  );
  return found.length > 0
    ? finding("installed agents", "info", found.join(", "))
    : finding("installed agents", "info", "none on PATH (the builtin agent needs none)");
};

const probeArgs = [
  "--unshare-user",
  "--unshare-pid",
  "--unshare-net",
  "--ro-bind",
  "/",
  "/",
  "--proc",
  "/proc",
  "true",
];

const sandbox: Probe = async ({ run }): Promise<Finding> => {
  const accept =
    "the bubblewrap driver is not there yet: agentvine up --sandbox none --accept-no-sandbox, on a machine you can lose";
  if (process.platform !== "linux")
    return finding("sandbox", "warn", `no driver for ${process.platform} yet`, accept);
  const version = await run("bwrap", ["--version"]);
  if (version === undefined) return finding("sandbox", "warn", "bubblewrap is not installed", accept);
  const works = (await run("bwrap", probeArgs)) !== undefined;
  return works
    ? finding("sandbox", "warn", `${version} works here`, accept)
    : finding("sandbox", "warn", `${version} is blocked here (user namespaces)`, accept);
};

/** Everything `agentvine doctor` looks at, in the order it is shown. */
export const probes: readonly Probe[] = [
  node,
  git,
  home,
  disk,
  memory,
  port,
  database,
  redis,
  modelKeys,
  controllerModel,
  ollama,
  agents,
  sandbox,
];
