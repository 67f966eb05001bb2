import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { endpoints } from "@agentvine/contracts";
import { FaultProxy, tempDir, waitUntil } from "@agentvine/testkit";
import { checkHistory } from "./checker/index.ts";
import { controllerMember, startModel, writeDocument } from "./controllers.ts";
import { hasOwnMounts, mountSmallDisk } from "./disks.ts";
import { impossibleFaults, inflict, type Targets } from "./faults.ts";
import type { History } from "./history.ts";
import { sleep } from "./insist.ts";
import { openJournal } from "./journal.ts";
import { Load, noCounts } from "./load.ts";
import { type Member, protocolMember, realMember } from "./member.ts";
import { type ChaosOptions, commandOf } from "./options.ts";
import { planTasks } from "./plan.ts";
import { readHistory } from "./read-history.ts";
import { factsOf, type RunReport, type TimelineEntry } from "./report.ts";
import { faultKinds, planFaults } from "./schedule.ts";
import { makeRemote, startSite } from "./site.ts";

export interface RunInput {
  readonly options: ChaosOptions;
  readonly seed: number;
  /** Progress, line by line. */
  readonly say: (line: string) => void;
  /** Ends the run early; all that was started ends with it. */
  readonly signal: AbortSignal;
}

/** When nothing has moved for so long, nothing will. */
const stillMsMax = 60_000;
const isOver = (status: string): boolean => ["completed", "failed", "cancelled"].includes(status);

interface Stage extends Targets {
  readonly load: Load;
  readonly journalDirectory: string;
  readonly repositories: readonly string[];
}

/** Starts everything of a run below a directory. */
async function setUp(
  { options, seed, signal }: RunInput,
  directory: string,
  onStarted: (stop: () => Promise<void>) => void,
): Promise<Stage> {
  const isHomeSmall = hasOwnMounts();
  if (isHomeSmall) onStarted(await mountSmallDisk(join(directory, "home"), 64));
  const site = await startSite({ directory, isFenced: options.plant !== "no-fence", onStarted });
  const journalDirectory = join(directory, "journal");
  await mkdir(journalDirectory);
  const remotes = {
    real: await makeRemote(directory, "real"),
    protocol: await makeRemote(directory, "protocol"),
  };
  const ownProxy = await FaultProxy.start(site.url);
  onStarted(() => ownProxy.stop());
  const place = (name: string) => ({
    name,
    backendUrl: site.url,
    token: site.workerKey,
    dataDir: join(directory, "workers", name),
  });
  const names = (count: number, name: string) => Array.from({ length: count }, (_, n) => `${name}-${n + 1}`);
  const reals = await Promise.all(names(options.realWorkers, "real").map((name) => realMember(place(name))));
  const spoken = await Promise.all(
    names(options.workers, "protocol").map((name) =>
      protocolMember({ ...place(name), journalDirectory, seed, slots: 3 }),
    ),
  );
  const members: Member[] = [...reals, ...spoken];
  const model = await startModel();
  onStarted(() => model.close());
  const controllers = await Promise.all(
    names(2, "controller").map((name) =>
      controllerMember({ ...place(name), token: site.controllerKey }, model.baseUrl),
    ),
  );
  for (const member of [...members, ...controllers]) {
    onStarted(async () => {
      await member.kill();
      await member.proxy.stop();
    });
  }
  const [smallDiskMember] = hasOwnMounts() ? reals : [];
  if (smallDiskMember !== undefined) onStarted(await mountSmallDisk(smallDiskMember.dataDir, 96));
  await Promise.all([...members, ...controllers].map((member) => member.start()));
  const spreadMs = options.durationSeconds * 650;
  const load = new Load({
    seed,
    serverUrl: ownProxy.url,
    token: site.token,
    journal: openJournal(journalDirectory, "people"),
    plan: planTasks(seed, { tasks: options.tasks, realTasks: options.realTasks, spreadMs }),
    remotes,
    signal,
  });
  await writeDocument(load.client);
  return {
    site,
    members,
    controllers,
    smallDiskMember,
    isHomeSmall,
    ownProxy,
    load,
    journalDirectory,
    repositories: Object.values(remotes),
  };
}

/** Waits for all, also when one has failed: what still runs must not start anything behind the clean-up. @throws as the first that did */
async function allEnded(running: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(running)).find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/** Inflicts the planned faults at their times, side by side when they last; returns what was done. */
async function breakThings(
  { options, seed, say, signal }: RunInput,
  stage: Stage,
  startedMs: number,
): Promise<TimelineEntry[]> {
  const impossible = impossibleFaults(stage);
  const kinds = faultKinds.filter((kind) => !impossible.has(kind));
  const timeline: TimelineEntry[] = [];
  const running: Promise<void>[] = [];
  for (const fault of planFaults(seed, kinds, options.durationSeconds * 1_000)) {
    await sleep(Math.max(0, fault.atMs - (performance.now() - startedMs)));
    if (signal.aborted) break;
    const beganMs = performance.now();
    say(`${fault.kind}…`);
    const inflicting = inflict(stage, fault).then((detail) => {
      const tookMs = performance.now() - beganMs;
      timeline.push({ atMs: beganMs - startedMs, kind: fault.kind, detail, tookMs });
    });
    // One that goes wrong is told at the end, when the others are over.
    inflicting.catch(() => {});
    running.push(inflicting);
  }
  await allEnded(running);
  return timeline.toSorted((a, b) => a.atMs - b.atMs);
}

async function statusCounts({ load }: Stage): Promise<Record<string, number>> {
  return (await load.client.call(endpoints.system.stats, {})).tasks;
}

const openOf = (counts: Record<string, number>): number =>
  Object.entries(counts).reduce((sum, [status, count]) => sum + (isOver(status) ? 0 : count), 0);

/** Waits until every task has ended; a person settles what waits for one. False when nothing moves any more. */
async function settle({ say, signal }: RunInput, stage: Stage): Promise<boolean> {
  let movedMs = performance.now();
  let saidMs = 0;
  let before = "";
  while (performance.now() - movedMs < stillMsMax && !signal.aborted) {
    await stage.load.tend(true);
    const counts = await statusCounts(stage).catch(() => undefined);
    if (counts !== undefined && openOf(counts) === 0) return true;
    const now = JSON.stringify(counts);
    if (counts !== undefined && now !== before) [before, movedMs] = [now, performance.now()];
    if (performance.now() - saidMs > 3_000) {
      saidMs = performance.now();
      say(`settling: ${now ?? "the backend is down"}`);
    }
    await sleep(250);
  }
  return false;
}

/** Everything left behind, read when nothing moves any more. */
async function collect(stage: Stage): Promise<History> {
  await Promise.all([...stage.members, ...stage.controllers].map((member) => member.drain()));
  const { tasks } = await stage.load.client.call(endpoints.system.stats, {});
  const { lanes } = await stage.load.client.call(endpoints.queue.status);
  const openOrders = lanes.reduce(
    (sum, lane) => sum + lane.pending + lane.delayed + lane.claimed + lane.parked,
    0,
  );
  const { site, journalDirectory, repositories } = stage;
  const read = () =>
    readHistory({
      databaseUrl: site.postgres.url,
      journalDirectory,
      repositories,
      told: { tasks, openOrders },
    });
  // Positions are given a moment after the commit.
  await waitUntil(async () => (await read()).events.every(({ position }) => position !== null), {
    timeoutMs: 10_000,
    intervalMs: 100,
  }).catch(() => {});
  return await read();
}

async function play(
  input: RunInput,
  stage: Stage,
): Promise<{ timeline: TimelineEntry[]; isSettled: boolean }> {
  const { options, signal, say } = input;
  const startedMs = performance.now();
  const endMs = startedMs + options.durationSeconds * 1_000;
  const tending = async (): Promise<void> => {
    let saidMs = startedMs;
    while (performance.now() < endMs && !signal.aborted) {
      await stage.load.tend();
      if (performance.now() - saidMs > 5_000) {
        saidMs = performance.now();
        say(`${JSON.stringify(await statusCounts(stage).catch(() => "the backend is down"))}`);
      }
      await sleep(400);
    }
  };
  const breaking = breakThings(input, stage, startedMs);
  await allEnded([breaking, stage.load.create(), tending()]);
  const timeline = await breaking;
  return { timeline, isSettled: await settle(input, stage) };
}

/** One run with one seed: everything is started, loaded, broken, healed, judged and ended. */
export async function runChaos(input: RunInput): Promise<RunReport> {
  const { options, seed, say, signal } = input;
  const beganMs = performance.now();
  const stops: (() => Promise<void>)[] = [];
  const dir = await tempDir("agentvine-chaos-");
  // The database may run under an account of its own, which has to pass through here.
  await chmod(dir.path, 0o755);
  let stage: Stage | undefined;
  let timeline: TimelineEntry[] = [];
  let history: History | undefined;
  let fault: string | null = null;
  try {
    stage = await setUp(input, dir.path, (stop) => stops.push(stop));
    say(`everything is up after ${((performance.now() - beganMs) / 1_000).toFixed(1)} s`);
    const played = await play(input, stage);
    timeline = played.timeline;
    if (signal.aborted) throw new Error("it was stopped");
    say(played.isSettled ? "all is quiet" : "not everything ended in time");
    history = await collect(stage);
  } catch (error) {
    fault = error instanceof Error ? (error.stack ?? error.message) : String(error);
  } finally {
    for (const stop of stops.toReversed()) {
      await stop().catch((error: unknown) => say(`could not stop something: ${String(error)}`));
    }
    if (options.isKept) say(`kept ${dir.path}`);
    else await dir[Symbol.asyncDispose]();
  }
  const violations = history === undefined ? [] : checkHistory(history);
  return {
    seed,
    isGood: fault === null && violations.length === 0,
    fault,
    violations,
    didNotRun: stage === undefined ? {} : Object.fromEntries(impossibleFaults(stage)),
    timeline,
    load: stage?.load.counts ?? noCounts,
    facts: history === undefined ? {} : factsOf(history),
    tookMs: performance.now() - beganMs,
    repeatWith: commandOf(options, seed),
  };
}
