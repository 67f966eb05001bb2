import { chmod, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Client, createClient } from "@agentvine/client";
import { waitUntil } from "@agentvine/testkit";
import { type Launched, launch } from "./agentvine.ts";

export interface UpOptions {
  readonly temp: string;
  readonly home: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly args?: readonly string[];
}

export interface RunningUp extends Launched {
  readonly url: string;
  readonly client: Client;
  /** From the start of the process to its ready line. */
  readonly readyMs: number;
  readonly startedAtMs: number;
  /** Ctrl-C; resolves to the exit code. */
  stop(): Promise<number | null>;
}

/** A data directory that the database's own account may pass through, so that everything of it lies below. */
export async function makeHome(temp: string, name = "home"): Promise<string> {
  const home = join(temp, name);
  await mkdir(home, { mode: 0o711 });
  await chmod(home, 0o711);
  return home;
}

/** Agents that may do what they like, as they are shells and scripted models of these tests. */
export const unconfined = ["--sandbox", "none", "--accept-no-sandbox"];

/** Starts `agentvine up` on a free port and waits until it is ready. */
export async function startUp({ temp, home, env = {}, args = unconfined }: UpOptions): Promise<RunningUp> {
  const startedAtMs = Date.now();
  const launched = launch(["up", "--port", "0", "--json", ...args], {
    temp,
    env: { AGENTVINE_HOME: home, ...env },
  });
  let isOver = false;
  void launched.exited.then(() => {
    isOver = true;
  });
  const line = await waitUntil(() => (isOver ? "over" : launched.stdout().split("\n")[0]), {
    timeoutMs: 60_000,
    intervalMs: 5,
    message: `up to be ready:\n${launched.stderr()}`,
  });
  const readyMs = Date.now() - startedAtMs;
  if (line === "over") throw new Error(`up ended before it was ready:\n${launched.stderr()}`);
  const ready: { url: string } = JSON.parse(line);
  const token = (await readFile(join(home, "token"), "utf8")).trim();
  return {
    ...launched,
    url: ready.url,
    client: createClient({ baseUrl: ready.url, token }),
    readyMs,
    startedAtMs,
    stop: async () => {
      launched.signal("SIGINT");
      return (await launched.exited).code;
    },
  };
}
