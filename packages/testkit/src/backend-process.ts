import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createDatabase } from "./database.ts";
import { tempDir } from "./temp-dir.ts";

export interface StartBackendOptions {
  /** A database to use; by default an empty one of the shared server, dropped on stop. */
  databaseUrl?: string;
  /** AGENTVINE_HOME; by default a temporary directory, removed on stop. Keep both to start again on the same data. */
  home?: string;
  /** 0, a free port, by default. */
  port?: number;
  env?: Record<string, string>;
  /** The program to start; the built backend by default. */
  entry?: string;
  startTimeoutMs?: number;
  /** How much of its standard error is kept, in characters; 8,000 unless told. */
  stderrCharsMax?: number;
}

export interface BackendProcess {
  url: string;
  token: string;
  /** Makes the first administrator, when the backend has accounts and none yet. */
  setUpUrl: string | null;
  pid: number;
  home: string;
  databaseUrl: string;
  /** The end of what it wrote to standard error. */
  stderr(): string;
  /** SIGTERM, then SIGKILL after 15 s. Removes what was made for it. */
  stop(): Promise<void>;
  /** SIGKILL: as a crash. Keeps home and database, so that another backend can be started on them. */
  kill(): Promise<void>;
}

const builtEntry = fileURLToPath(new URL("../../../backend/dist/main.js", import.meta.url));
const stderrCharsMaxDefault = 8_000;
const stopGraceMs = 15_000;

/**
 * Starts the real backend in a process of its own.
 * @throws Error with the end of its standard error when it ends or stays silent before it is ready.
 */
export async function startBackend(options: StartBackendOptions = {}): Promise<BackendProcess> {
  const entry = options.entry ?? builtEntry;
  if (!existsSync(entry)) {
    throw new Error(`${entry} does not exist: run "npm run build" first`);
  }
  const cleanups: (() => Promise<void>)[] = [];
  const cleanUp = async (): Promise<void> => {
    for (let next = cleanups.pop(); next !== undefined; next = cleanups.pop()) {
      await next();
    }
  };
  try {
    const databaseUrl = options.databaseUrl ?? (await ownDatabase(cleanups));
    const home = options.home ?? (await ownHome(cleanups));
    const child = spawn(process.execPath, [entry], {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        // Workers of tests have no sandbox, and nobody sits there to allow what they do.
        AGENTVINE_POLICY: "no-sandbox",
        ...options.env,
        AGENTVINE_HOME: home,
        DATABASE_URL: databaseUrl,
        AGENTVINE_PORT: String(options.port ?? 0),
      },
    });
    const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    const stderr = collectTail(child, options.stderrCharsMax ?? stderrCharsMaxDefault);
    const end = async (): Promise<void> => {
      child.kill("SIGKILL");
      await exited;
    };
    cleanups.push(end);
    const ready = await readReadyLine(child, options.startTimeoutMs ?? 30_000, stderr);
    return {
      url: ready.url,
      setUpUrl: ready.setUpUrl,
      token: (await readFile(ready.tokenFile, "utf8")).trim(),
      pid: child.pid ?? 0,
      home,
      databaseUrl,
      stderr,
      kill: end,
      stop: async () => {
        child.kill("SIGTERM");
        const timer = setTimeout(() => child.kill("SIGKILL"), stopGraceMs);
        await exited;
        clearTimeout(timer);
        await cleanUp();
      },
    };
  } catch (error) {
    await cleanUp();
    throw error;
  }
}

async function ownDatabase(cleanups: (() => Promise<void>)[]): Promise<string> {
  const database = await createDatabase();
  cleanups.push(() => database.drop());
  return database.url;
}

async function ownHome(cleanups: (() => Promise<void>)[]): Promise<string> {
  const dir = await tempDir("agentvine-test-home-");
  cleanups.push(() => dir[Symbol.asyncDispose]());
  return dir.path;
}

function collectTail(child: ChildProcess, charsMax: number): () => string {
  let tail = "";
  child.stderr?.on("data", (chunk) => {
    tail = (tail + String(chunk)).slice(-charsMax);
  });
  return () => tail;
}

interface ReadyLine {
  ready: true;
  url: string;
  tokenFile: string;
  setUpUrl: string | null;
}

function readReadyLine(child: ChildProcess, timeoutMs: number, stderr: () => string): Promise<ReadyLine> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string): void => reject(new Error(`the backend ${reason}:\n${stderr()}`));
    const timer = setTimeout(() => fail(`was not ready within ${timeoutMs} ms`), timeoutMs);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      fail(`ended with ${signal ?? code} before it was ready`);
    });
    child.once("error", (error) => fail(`could not be started (${error.message})`));
    // Read to the end, also behind the ready line: a full pipe would stop the backend.
    createInterface({ input: child.stdout ?? process.stdin }).on("line", (line) => {
      const ready = parseReadyLine(line);
      if (ready !== undefined) {
        clearTimeout(timer);
        resolve(ready);
      }
    });
  });
}

function parseReadyLine(line: string): ReadyLine | undefined {
  try {
    const value = JSON.parse(line);
    return value?.ready === true ? value : undefined;
  } catch {
    return undefined;
  }
}
