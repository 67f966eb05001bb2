import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endpoints, type Task } from "@agentvine/contracts";
import { AppError, Lifecycle } from "@agentvine/kit";
import { startScriptedModel } from "@agentvine/scripted-model";
import { chaosMonkey } from "../demo/chaos-monkey.ts";
import { demoJson, demoTable } from "../demo/demo-report.ts";
import { watchDemo } from "../demo/demo-watcher.ts";
import { createSampleRepository, readSamples, type Sample } from "../demo/samples.ts";
import { exitCodes } from "../exit-code.ts";
import { coloredDiff } from "../output/diff.ts";
import { durationText } from "../output/duration.ts";
import { bareEnvironment, workerEnvironment } from "../processes/child-environment.ts";
import { resolveEntryPoints } from "../processes/entry-points.ts";
import { freePort } from "../processes/free-port.ts";
import { type Stack, startStack } from "../processes/stack.ts";
import type { CommandContext } from "./command.ts";
import { controllerSettings, workerSettings } from "./up.ts";

export interface DemoFlags {
  readonly once?: boolean;
  readonly chaos?: boolean;
  readonly json?: boolean;
  readonly keep?: boolean;
  /** `provider/name` of a real model; needs a sandbox or acceptNoSandbox. */
  readonly model?: string;
  readonly acceptNoSandbox?: boolean;
}

const scriptedLabel = "scripted model: says nothing about model quality";
const workerCount = 2;

interface DemoModel {
  readonly label: string;
  readonly env: Readonly<Record<string, string>>;
}

/** `demo`: the main job on four sample repositories, with everything but the model as in production. */
export const demo = async (context: CommandContext, flags: DemoFlags): Promise<number> => {
  const lifecycle = new Lifecycle();
  try {
    return await runDemo(context, flags, lifecycle);
  } finally {
    await lifecycle.stop();
  }
};

const runDemo = async (context: CommandContext, flags: DemoFlags, lifecycle: Lifecycle): Promise<number> => {
  const { output, config, signal } = context;
  const startedMs = Date.now();
  const model = await demoModel(context, flags, lifecycle);
  const home = await demoHome();
  output.note(`${output.colors.bold("AgentVine demo")}  ${output.colors.dim(`${model.label} · ${home}`)}`);
  output.note("starting PostgreSQL, backend and two workers; making four git repositories …");
  const samples = await readSamples();
  const repositories = join(home, "repositories");
  const searchPath = config.environment.PATH ?? "";
  const [stack, paths] = await Promise.all([
    startDemoStack(context, flags, home, model),
    Promise.all(samples.map((sample) => createSampleRepository(sample, { into: repositories, searchPath }))),
  ]);
  lifecycle.add("data", () => (flags.keep === true ? undefined : removeAllButRepositories(home)));
  lifecycle.add("stack", () => stack.stop());
  output.note(`ready after ${durationText(Date.now() - startedMs)}: ${stack.url}`);
  const queued = await queueTasks(stack, samples, paths);
  const chaos = flags.chaos === true ? chaosMonkey(stack, output) : undefined;
  const tasks = await watchDemo({
    client: stack.client,
    tasks: queued,
    output,
    startedMs,
    signal,
    ...(chaos === undefined ? {} : { onEvent: chaos.onEvent }),
  });
  if (signal.aborted) return exitCodes.interrupted;
  const pathOf = new Map(queued.map((task, index) => [task.id, paths[index] ?? ""]));
  await report(context, { stack, tasks, startedMs, repositories: pathOf });
  if (chaos?.isDone() === false)
    output.note(output.colors.yellow("chaos: no worker could be killed in time"));
  const result = demoJson(tasks, pathOf);
  if (flags.json === true) output.json(result);
  if (flags.once !== true) await stayUp(context, stack);
  return result.ok && chaos?.isDone() !== false ? exitCodes.ok : exitCodes.failed;
};

/** Traversable by others, so that as root the database's own account reaches its cluster; everything inside has its own mode. */
const demoHome = async (): Promise<string> => {
  const home = await mkdtemp(join(tmpdir(), "agentvine-demo-"));
  await chmod(home, 0o711);
  return home;
};

const demoModel = async (
  { config }: CommandContext,
  flags: DemoFlags,
  lifecycle: Lifecycle,
): Promise<DemoModel> => {
  if (flags.model === undefined) {
    const scripted = await startScriptedModel({ delayMs: 60 });
    lifecycle.add("scripted model", () => scripted.close());
    // The scripted model is told apart by its name; keys of the environment never reach these processes.
    return {
      label: scriptedLabel,
      env: {
        ...bareEnvironment(config.environment),
        AGENTVINE_MODEL: "scripted/demo",
        AGENTVINE_MODEL_BASE_URL: scripted.baseUrl,
        AGENTVINE_WORKER_SANDBOX: "none",
        AGENTVINE_WORKER_ACCEPT_NO_SANDBOX: "true",
      },
    };
  }
  if (flags.acceptNoSandbox !== true) {
    const remedy =
      "a real model needs a sandbox, and none is available yet: add --accept-no-sandbox on a machine you can lose";
    throw new AppError("sandbox.unavailable", remedy);
  }
  return {
    label: `${flags.model}, without a sandbox`,
    env: {
      ...workerEnvironment(config.environment),
      AGENTVINE_MODEL: flags.model,
      AGENTVINE_WORKER_SANDBOX: "none",
      AGENTVINE_WORKER_ACCEPT_NO_SANDBOX: "true",
    },
  };
};

const startDemoStack = async (
  context: CommandContext,
  flags: DemoFlags,
  home: string,
  model: DemoModel,
): Promise<Stack> => {
  const port = await freePort();
  // A killed worker's leases run out soon, so that the recovery can be watched.
  const short =
    flags.chaos === true ? { AGENTVINE_LEASE_SECONDS: "4", AGENTVINE_HEARTBEAT_SECONDS: "1" } : {};
  const shared = { AGENTVINE_HOME: home };
  const settings = {
    serverUrl: `http://127.0.0.1:${port}`,
    tokenFile: join(home, "worker.key"),
    home,
    slots: 2,
  };
  return startStack({
    entryPoints: resolveEntryPoints(),
    home,
    host: "127.0.0.1",
    port,
    backendEnv: {
      ...bareEnvironment(context.config.environment),
      ...shared,
      ...short,
      AGENTVINE_PORT: String(port),
      AGENTVINE_POLICY: "no-sandbox",
    },
    workerEnvs: Array.from({ length: workerCount }, (_, index) => ({
      ...model.env,
      ...shared,
      ...workerSettings({ ...settings, index }),
    })),
    controllerEnv: {
      ...model.env,
      ...shared,
      ...controllerSettings({ serverUrl: settings.serverUrl, home }),
    },
    onNote: (text) => context.output.note(context.output.colors.yellow(text)),
  });
};

const queueTasks = (stack: Stack, samples: readonly Sample[], paths: readonly string[]): Promise<Task[]> =>
  Promise.all(
    samples.map((sample, index) =>
      stack.client.call(endpoints.tasks.create, {
        body: {
          title: sample.title,
          description: sample.description,
          type: sample.type,
          repositoryUrl: paths[index] ?? "",
          permissionLevel: "autonomous",
          context: sample.context,
        },
      }),
    ),
  );

interface Report {
  readonly stack: Stack;
  readonly tasks: readonly Task[];
  readonly repositories: ReadonlyMap<string, string>;
  readonly startedMs: number;
}

const report = async (
  { output }: CommandContext,
  { stack, tasks, startedMs, repositories }: Report,
): Promise<void> => {
  const { colors } = output;
  const write = (text: string) => output.note(text);
  write("");
  write(demoTable(tasks, output));
  const bugfix = tasks.find((task) => task.type === "bugfix" && task.result?.commit != null);
  if (bugfix !== undefined) {
    const diff = await stack.client.call(endpoints.tasks.diff, { params: { taskId: bugfix.id } });
    write("");
    write(
      colors.dim(
        `DIFF of the bugfix (git -C ${repositories.get(bugfix.id) ?? "?"} show ${bugfix.result?.branch ?? diff.commit})`,
      ),
    );
    write(coloredDiff(diff.patch, colors).trimEnd());
  }
  write("");
  const count = tasks.filter((task) => task.status === "completed").length;
  const paint = count === tasks.length ? colors.green : colors.red;
  write(paint(`${count} of ${tasks.length} tasks completed in ${durationText(Date.now() - startedMs)}`));
  write("");
  write("Next, on a repository of yours (with ANTHROPIC_API_KEY or OPENAI_API_KEY set):");
  write(colors.bold("  npx agentvine up --sandbox none --accept-no-sandbox"));
  write(
    colors.bold('  npx agentvine task create --repo /path/to/repository --type bugfix --title "…" --watch'),
  );
};

const stayUp = async ({ output, signal }: CommandContext, stack: Stack): Promise<void> => {
  const link = await stack.client.call(endpoints.system.createLocalLink);
  output.note("");
  output.note(`still up at ${output.colors.bold(stack.url)} (browser: ${link.url}); Ctrl-C ends the demo`);
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
};

/** The repositories with the published branches are what people came for: they stay. */
const removeAllButRepositories = async (home: string): Promise<void> => {
  const entries = await readdir(home);
  await Promise.all(
    entries
      .filter((name) => name !== "repositories")
      .map((name) => rm(join(home, name), { recursive: true, force: true, maxRetries: 5 })),
  );
};
