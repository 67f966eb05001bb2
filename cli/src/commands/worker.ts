import { readFileSync } from "node:fs";
import { join } from "node:path";
import { endpoints } from "@agentvine/contracts";
import { AppError, sleep } from "@agentvine/kit";
import { z } from "zod";
import { exitCodes } from "../exit-code.ts";
import { elapsedText } from "../output/duration.ts";
import { foreign } from "../output/output.ts";
import { table } from "../output/table.ts";
import { resolveEntryPoints } from "../processes/entry-points.ts";
import type { ClientContext, CommandContext } from "./command.ts";
import { runInForeground } from "./run-in-foreground.ts";

export interface WorkerStartFlags {
  readonly server?: string;
  readonly name?: string;
  readonly slots?: string;
  readonly types?: string;
  readonly labels?: string;
  readonly dataDir?: string;
  readonly sandbox?: string;
  readonly acceptNoSandbox?: boolean;
  readonly model?: string;
  readonly agentCommand?: string;
  readonly config?: string;
  readonly json?: boolean;
}

const settingOf: Record<Exclude<keyof WorkerStartFlags, "json" | "acceptNoSandbox">, string> = {
  server: "AGENTVINE_SERVER",
  name: "AGENTVINE_WORKER_NAME",
  slots: "AGENTVINE_WORKER_SLOTS",
  types: "AGENTVINE_WORKER_TASK_TYPES",
  labels: "AGENTVINE_WORKER_LABELS",
  dataDir: "AGENTVINE_WORKER_DATA_DIR",
  sandbox: "AGENTVINE_WORKER_SANDBOX",
  model: "AGENTVINE_MODEL",
  agentCommand: "AGENTVINE_WORKER_AGENT_COMMAND",
  config: "AGENTVINE_WORKER_CONFIG",
};

/** `worker start`: a worker in the foreground, its log on stderr, until Ctrl-C (drains) . */
export const workerStart = (context: CommandContext, flags: WorkerStartFlags): Promise<number> =>
  runInForeground(context, {
    name: "worker",
    program: resolveEntryPoints().worker,
    settingOf,
    flags: { ...flags },
    environment: flags.acceptNoSandbox === true ? { AGENTVINE_WORKER_ACCEPT_NO_SANDBOX: "true" } : {},
    stopMsMax: 600_000,
  });

const statusFileSchema = z.object({ pid: z.number().int(), name: z.string() });

const localWorker = (config: CommandContext["config"], dataDir: string | undefined) => {
  const path = join(dataDir ?? join(config.home, "worker"), "worker.json");
  try {
    return statusFileSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    throw new AppError("worker.not_found", `no worker runs on ${path}: name its directory with --data-dir`, {
      cause: error,
    });
  }
};

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
};

/** `worker stop`: drains the worker of this machine's data directory, or by name through the backend. */
export const workerStop = async (
  { config, output, signal }: CommandContext,
  flags: { dataDir?: string; timeout: number },
): Promise<number> => {
  const { pid, name } = localWorker(config, flags.dataDir);
  if (!isAlive(pid)) {
    output.line(`worker ${name} does not run`);
    return exitCodes.ok;
  }
  process.kill(pid, "SIGTERM");
  output.note(`worker ${name} (pid ${pid}) finishes or gives back what it holds …`);
  const endMs = performance.now() + flags.timeout * 1_000;
  while (isAlive(pid)) {
    if (performance.now() > endMs) {
      throw new AppError("worker.live", `worker ${name} (pid ${pid}) still drains after ${flags.timeout} s`);
    }
    await sleep(100, signal);
  }
  output.line(`worker ${name} stopped`);
  return exitCodes.ok;
};

/** `worker status`: the fleet as the backend sees it. */
export const workerStatus = async ({ client, output, json }: ClientContext): Promise<number> => {
  const list = await client.call(endpoints.workers.list, { query: { pageSize: 100 } });
  if (json) {
    output.json(list);
    return exitCodes.ok;
  }
  if (list.total === 0) {
    output.line("no workers");
    output.note(output.colors.dim("start one: agentvine worker start"));
    return exitCodes.ok;
  }
  const rows = list.items.map((worker) => [
    foreign(worker.name),
    worker.status + (worker.statusReason === "" ? "" : `: ${foreign(worker.statusReason)}`),
    `${worker.activeCount}/${worker.maxConcurrentTasks}`,
    worker.capabilities.taskTypes.join(","),
    worker.capabilities.agents.map((agent) => agent.model ?? agent.driver).join(",") || "no agent",
    worker.capabilities.sandbox.isConfined ? worker.capabilities.sandbox.driver : "none (!)",
    worker.lastHeartbeatAt === null ? "never" : `${elapsedText(worker.lastHeartbeatAt, null)} ago`,
  ]);
  output.line(table(["NAME", "STATUS", "SLOTS", "TASK TYPES", "AGENTS", "SANDBOX", "HEARTBEAT"], rows));
  return exitCodes.ok;
};
