import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { z } from "zod";

/** The built backend in a process of its own. */
export interface BenchBackend {
  url: string;
  token: string;
  workerKey: string;
  stop(): Promise<void>;
}

const readySchema = z.object({ ready: z.literal(true), url: z.string() });
const rateMax = "100000";
/** Backends on one database have one master key, wherever their homes are. */
export const benchMasterKey = "00".repeat(32);
const entry = fileURLToPath(new URL("../../backend/dist/main.js", import.meta.url));

/** @throws Error when it ends before it is ready; its own words are on standard error */
export async function startBenchBackend(
  databaseUrl: string,
  env: Record<string, string> = {},
): Promise<BenchBackend> {
  const home = await mkdtemp(join(tmpdir(), "agentvine-bench-home-"));
  const child = spawn(process.execPath, [entry], {
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      PATH: process.env.PATH,
      AGENTVINE_HOME: home,
      DATABASE_URL: databaseUrl,
      AGENTVINE_PORT: "0",
      AGENTVINE_MASTER_KEY: benchMasterKey,
      AGENTVINE_LOG_LEVEL: "warn",
      // One caller sends what a team does together: counted as always, only never refused.
      AGENTVINE_RATE_READS_PER_SECOND: rateMax,
      AGENTVINE_RATE_WRITES_PER_SECOND: rateMax,
      AGENTVINE_RATE_WORKER_PER_SECOND: rateMax,
      AGENTVINE_RATE_OPEN_PER_SECOND: rateMax,
      AGENTVINE_POLICY: "no-sandbox",
      ...env,
    },
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const ready = await new Promise<z.infer<typeof readySchema>>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the backend ended with ${code} before it was ready`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      const parsed = readySchema.safeParse(JSON.parse(line));
      if (parsed.success) resolve(parsed.data);
    });
  });
  const read = async (name: string): Promise<string> => (await readFile(join(home, name), "utf8")).trim();
  return {
    url: ready.url,
    token: await read("token"),
    workerKey: await read("worker.key"),
    stop: async () => {
      child.kill("SIGTERM");
      await exited;
      await rm(home, { recursive: true, force: true });
    },
  };
}
