// A worker of the chaos run: a process of its own that speaks the lease protocol over HTTP and makes real commits and pushes, without
// agent, gate and sandbox. It is rude: it hands its results in however late it is. What keeps the history right must be the backend.
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { createClient } from "@agentvine/client";
import {
  type Claim,
  endpoints,
  type WorkerHeartbeatReply,
  type WorkerRegistered,
} from "@agentvine/contracts";
import { insist, sleep } from "../insist.ts";
import { openJournal } from "../journal.ts";
import { Clone } from "./clone.ts";
import { type HeldWork, type ProtocolContext, refOf } from "./context.ts";
import { doPublish } from "./publish.ts";
import { doRun } from "./run.ts";
import { type ProtocolSettings, settingsVariable } from "./settings.ts";

const settings: ProtocolSettings = JSON.parse(process.env[settingsVariable] ?? "{}");
const { name, token, serverUrl, slots } = settings;
const instanceId = randomUUID();
const client = createClient({ baseUrl: serverUrl, token, timeoutMs: 4_000 });
const journal = openJournal(settings.journalDirectory, settings.journalName);
const held = new Set<HeldWork>();
let isStopping = false;
mkdirSync(settings.dataDir, { recursive: true });

async function register(): Promise<WorkerRegistered> {
  const body = {
    name,
    instanceId,
    version: "0.0.0-chaos",
    maxConcurrentTasks: slots,
    capabilities: {
      taskTypes: ["feature" as const],
      labels: [],
      agents: [{ driver: "command" as const, model: null, isScripted: true }],
      sandbox: { driver: "none" as const, isConfined: false },
    },
  };
  const answer = await insist(() => client.call(endpoints.workers.register, { body }), 120_000);
  if (answer?.value === undefined) throw answer?.refusal ?? new Error("nobody took the registration");
  return answer.value;
}

function hear({ lost, commands }: WorkerHeartbeatReply): number {
  for (const one of held) {
    const { workOrderId, attempt } = refOf(one.claim);
    const isMeant = (other: { workOrderId: string | null; attempt: number | null }): boolean =>
      other.workOrderId === workOrderId && other.attempt === attempt;
    if (lost.some(isMeant)) one.isRenewed = false;
    if (commands.some((command) => command.type === "cancel" && isMeant(command))) one.isCancelled = true;
  }
  return Math.max(0, ...commands.map(({ position }) => position));
}

async function beat(workerId: string, everyMs: number): Promise<void> {
  let commandsSeen = 0;
  for (;;) {
    const orders = [...held].filter(({ isRenewed }) => isRenewed).map(({ claim }) => refOf(claim));
    const body = { instanceId, orders, commandsSeen };
    try {
      const reply = await client.call(endpoints.workers.heartbeat, {
        params: { workerId },
        body,
        timeoutMs: 2_000,
      });
      commandsSeen = Math.max(commandsSeen, hear(reply));
    } catch {
      // The next one may get through.
    }
    await sleep(everyMs);
  }
}

async function claimOne(workerId: string): Promise<Claim | undefined> {
  const idempotencyKey = randomUUID();
  const body = { workerId, instanceId, taskTypes: ["feature" as const], slots: 1, waitSeconds: 2 };
  const answer = await insist(() => client.call(endpoints.queue.claim, { body, idempotencyKey }), 15_000);
  const claim = answer?.value;
  if (claim === undefined) return undefined;
  journal.write({
    phase: "told",
    call: "claim",
    taskId: claim.task.id,
    kind: claim.workOrder.kind,
    ...refOf(claim),
  });
  return claim;
}

const clones = new Map<string, Promise<Clone>>();

function cloneOf(remote: string): Promise<Clone> {
  const known = clones.get(remote);
  if (known !== undefined) return known;
  const opening = Clone.open(settings.dataDir, remote);
  clones.set(remote, opening);
  return opening;
}

async function work(context: ProtocolContext, claim: Claim): Promise<void> {
  const one: HeldWork = { claim, isRenewed: true, isCancelled: false };
  held.add(one);
  try {
    const clone = await cloneOf(claim.repository.url);
    await (claim.workOrder.kind === "publish" ? doPublish : doRun)(context, one, clone);
  } catch (error) {
    // Git failed in the middle of everything: the lease runs out and another attempt does it.
    process.stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
  } finally {
    held.delete(one);
  }
}

async function serve(context: ProtocolContext, workerId: string): Promise<void> {
  while (!isStopping) {
    const claim = await claimOne(workerId);
    if (claim === undefined) await sleep(100);
    else await work(context, claim);
  }
}

process.once("SIGTERM", () => {
  isStopping = true;
});
// Ctrl-C reaches the whole group; the harness ends us when it is ready to.
process.on("SIGINT", () => {});

const { worker, leaseMs, heartbeatMs } = await register();
void beat(worker.id, heartbeatMs);
const context: ProtocolContext = { settings, client, journal, leaseMs };
process.stdout.write("ready\n");
await Promise.all(Array.from({ length: slots }, () => serve(context, worker.id)));
process.exit(0);
