import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endpoints, type Task } from "@agentvine/contracts";
import { Lifecycle } from "@agentvine/kit";
import { chaosMonkey } from "../demo/chaos-monkey.ts";
import { decisionTable } from "../demo/decision-table.ts";
import { type DemoModelFlags, demoModel } from "../demo/demo-model.ts";
import { DemoPeople } from "../demo/demo-people.ts";
import { type DemoRequest, demoJson, demoTable } from "../demo/demo-report.ts";
import { startDemoStack } from "../demo/demo-stack.ts";
import { queueTasks } from "../demo/demo-tasks.ts";
import { watchDemo } from "../demo/demo-watcher.ts";
import { createSampleRepository, readSamples, type Sample } from "../demo/samples.ts";
import { standInPerson } from "../demo/stand-in-person.ts";
import { terminalPerson } from "../demo/terminal-person.ts";
import { exitCodes } from "../exit-code.ts";
import { coloredDiff } from "../output/diff.ts";
import { durationText } from "../output/duration.ts";
import type { Stack } from "../processes/stack.ts";
import { writeUpState } from "../processes/up-state.ts";
import type { CommandContext } from "./command.ts";

export interface DemoFlags extends DemoModelFlags {
  readonly once?: boolean;
  readonly chaos?: boolean;
  readonly json?: boolean;
  readonly keep?: boolean;
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
  output.note("starting PostgreSQL, backend, controller and two workers; making four git repositories …");
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
  writeUpState(home, { url: stack.url, pid: process.pid });
  const people = demoPeople(context, flags, { stack, home, samples, lifecycle });
  const queued = await queueTasks(stack.client, samples, paths);
  const chaos = flags.chaos === true ? chaosMonkey(stack, output) : undefined;
  const tasks = await watchDemo({
    client: stack.client,
    tasks: queued,
    output,
    startedMs,
    signal,
    onEvent: (event) => {
      people.onEvent(event);
      chaos?.onEvent(event);
    },
  });
  if (signal.aborted) return exitCodes.interrupted;
  const requests = await decidedRequests(stack, people);
  const pathOf = new Map(queued.map((task, index) => [task.id, paths[index] ?? ""]));
  await report(context, { stack, tasks, requests, startedMs, repositories: pathOf });
  if (chaos?.isDone() === false)
    output.note(output.colors.yellow("chaos: no worker could be killed in time"));
  const result = demoJson(tasks, pathOf, requests);
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

/** Whoever sits at the terminal decides what waits for a person; where nobody does, a stand-in, and the table says so. */
const demoPeople = (
  { output, stdin, signal }: CommandContext,
  flags: DemoFlags,
  demo: { stack: Stack; home: string; samples: readonly Sample[]; lifecycle: Lifecycle },
): DemoPeople => {
  const { client } = demo.stack;
  const isAttended = flags.once !== true && "isTTY" in stdin && stdin.isTTY === true;
  if (!isAttended) {
    const allowed = demo.samples.flatMap(({ standInAllows }) => standInAllows);
    return new DemoPeople({ client, output, signal, decider: standInPerson(allowed) });
  }
  const person = terminalPerson(stdin, output, `AGENTVINE_HOME=${demo.home} npx agentvine inbox answer`);
  demo.lifecycle.add("terminal", () => person.close());
  return new DemoPeople({ client, output, signal, decider: person });
};

const decidedRequests = async ({ client }: Stack, people: DemoPeople): Promise<DemoRequest[]> => {
  await people.settled();
  const query = { order: "asc" as const, pageSize: 100 };
  const { items } = await client.call(endpoints.workerRequests.list, { query });
  return items.map((request) => ({ request, decidedBy: people.deciderOf(request.id) }));
};

interface Report {
  readonly stack: Stack;
  readonly tasks: readonly Task[];
  readonly requests: readonly DemoRequest[];
  readonly repositories: ReadonlyMap<string, string>;
  readonly startedMs: number;
}

const report = async (
  { output }: CommandContext,
  { stack, tasks, requests, startedMs, repositories }: Report,
): Promise<void> => {
  const { colors } = output;
  const write = (text: string) => output.note(text);
  write("");
  write(demoTable(tasks, output));
  write("");
  write(colors.dim("DECISIONS: what agents asked, and who decided"));
  write(decisionTable(requests, output));
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
