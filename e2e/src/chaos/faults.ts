import type { ProxiedRequest } from "@agentvine/testkit";
import { fillDisk } from "./disks.ts";
import { sleep } from "./insist.ts";
import type { Member } from "./member.ts";
import type { FaultKind, PlannedFault } from "./schedule.ts";
import { leaseSeconds, type Site } from "./site.ts";

/** What faults are done to. */
export interface Targets {
  readonly site: Site;
  readonly members: readonly Member[];
  readonly controllers: readonly Member[];
  /** A real worker whose data directory is a small disk; undefined when we may not mount. */
  readonly smallDiskMember: Member | undefined;
  /** True when the backend's home is a small disk. */
  readonly isHomeSmall: boolean;
  /** Between the harness and the backend. */
  readonly ownProxy: Member["proxy"];
}

/** How a fault went, for the timeline; resolves when the fault is over. */
type Inflict = (targets: Targets, draws: PlannedFault["draws"]) => Promise<string>;

const pastLeaseMs = (draw: number): number => leaseSeconds * 1_000 + 700 + draw * 1_500;
const hourMs = 3_600_000;
const offsetOf = (draw: number): number => (draw < 0.5 ? -hourMs : hourMs);
const none = "nobody there to do it to";

function choose(members: readonly Member[], isReal: boolean | undefined, draw: number): Member | undefined {
  const free = members.filter((one) => !one.isTaken && (isReal === undefined || one.isReal === isReal));
  return free[Math.floor(draw * free.length)];
}

/** Keeps other faults away from a member meanwhile. */
async function holding(
  member: Member | undefined,
  what: (member: Member) => Promise<string>,
): Promise<string> {
  if (member === undefined) return none;
  member.isTaken = true;
  try {
    return `${member.name}${await what(member)}`;
  } finally {
    member.isTaken = false;
  }
}

async function restartBackend({ site }: Targets, downMs: number, offsetMs: number): Promise<string> {
  if (site.isTaken) return "it is down already";
  site.isTaken = true;
  try {
    await site.killBackend();
    await sleep(downMs);
    await site.startBackend(offsetMs);
    return offsetMs === 0
      ? `down for ${Math.round(downMs)} ms`
      : `its clock is off by ${offsetMs / hourMs} h`;
  } finally {
    site.isTaken = false;
  }
}

const restartMember = (member: Member | undefined, offsetMs: number, downMs: number): Promise<string> =>
  holding(member, async (one) => {
    await one.kill();
    await sleep(downMs);
    await one.start(offsetMs);
    return offsetMs === 0 ? "" : `, its clock is off by ${offsetMs / hourMs} h`;
  });

const stopPastLease = (member: Member | undefined, draw: number): Promise<string> =>
  holding(member, async (one) => {
    const ms = pastLeaseMs(draw);
    const pids = [one.pid, ...one.children()];
    const signalAll = (signal: NodeJS.Signals): void => {
      for (const pid of pids) {
        try {
          process.kill(pid, signal);
        } catch {
          // It has ended.
        }
      }
    };
    signalAll("SIGSTOP");
    await sleep(ms);
    signalAll("SIGCONT");
    return ` for ${Math.round(ms)} ms`;
  });

const endsAttempts = ({ path }: ProxiedRequest): boolean =>
  /\/(queue\/(complete|fail|park|release|claim)|worker-requests)\b/.test(path);

const inflictions: Readonly<Record<FaultKind, Inflict>> = {
  "backend killed": (targets, [draw]) => restartBackend(targets, draw * 1_200, 0),
  "backend with a wrong clock": (targets, [draw]) => restartBackend(targets, 0, offsetOf(draw)),
  "postgres stopped at once": async ({ site }) => {
    process.kill(site.postgres.pid, "SIGQUIT");
    return "SIGQUIT to the server; its launcher starts it again";
  },
  "postgres killed": async ({ site }) => {
    process.kill(site.postgres.pid, "SIGKILL");
    return "SIGKILL to the server; its launcher starts it again";
  },
  "redis flushed": async ({ site: { redis } }) => {
    await redis?.client.flushall();
    return "";
  },
  "redis stopped": async ({ site: { redis } }, [draw]) => {
    await redis?.kill();
    await sleep(500 + draw * 3_000);
    await redis?.start();
    return `for ${Math.round(500 + draw * 3_000)} ms`;
  },
  "worker killed": ({ members }, [draw, other]) =>
    restartMember(choose(members, true, draw), 0, other * 1_500),
  "protocol worker killed": ({ members }, [draw, other]) =>
    restartMember(choose(members, false, draw), 0, other * 1_500),
  "worker with a wrong clock": ({ members }, [draw, other]) =>
    restartMember(choose(members, undefined, draw), offsetOf(other), 0),
  "executor killed": ({ members }, [draw]) => {
    const busy = members.filter((one) => one.isReal && one.children().length > 0);
    return holding(choose(busy, true, draw), async (one) => {
      const [pid] = one.children();
      if (pid !== undefined) process.kill(pid, "SIGKILL");
      return "";
    });
  },
  "controller killed": ({ controllers }, [draw, other]) =>
    restartMember(choose(controllers, undefined, draw), 0, other * 3_000),
  "controller stopped past its lease": ({ controllers }, [draw, other]) =>
    // Its lease of a request is six seconds, whatever those of workers are.
    stopPastLease(choose(controllers, undefined, draw), other + 1.5),
  "worker stopped past its lease": ({ members }, [draw, other]) =>
    stopPastLease(choose(members, true, draw), other),
  "protocol worker stopped past its lease": ({ members }, [draw, other]) =>
    stopPastLease(choose(members, false, draw), other),
  "partition with late returns": ({ members }, [draw, other]) =>
    holding(choose(members, undefined, draw), async ({ proxy }) => {
      const ms = pastLeaseMs(other);
      proxy.mode = "blackhole";
      await sleep(ms);
      // What was swallowed is lost: the connections end, and everybody asks again, too late.
      proxy.mode = "drop";
      proxy.mode = "pass";
      return ` for ${Math.round(ms)} ms`;
    }),
  "replies cut after commit": async ({ members, controllers, ownProxy }) => {
    for (const { proxy } of [...members, ...controllers]) proxy.cutReplies(3, endsAttempts);
    ownProxy.cutReplies(3, ({ method }) => method === "POST");
    return "the next three of everybody";
  },
  "disk full on a worker": ({ smallDiskMember }, [draw]) =>
    holding(smallDiskMember, async ({ dataDir }) => {
      const makeRoom = await fillDisk(dataDir);
      await sleep(2_000 + draw * 1_000);
      await makeRoom();
      return "";
    }),
  "disk full on the server": async ({ site, isHomeSmall }, [draw]) => {
    if (!isHomeSmall) return none;
    const makeRoom = await fillDisk(site.home);
    await sleep(1_500 + draw * 1_500);
    await makeRoom();
    return "no room for artifacts";
  },
};

/** Inflicts a fault and undoes it; resolves to what is to be told about it. */
export const inflict = (targets: Targets, { kind, draws }: PlannedFault): Promise<string> =>
  inflictions[kind](targets, draws);

/** Kinds that can't be inflicted here, each with the reason. */
export function impossibleFaults(
  targets: Pick<Targets, "site" | "smallDiskMember" | "isHomeSmall" | "members">,
): Map<FaultKind, string> {
  const impossible = new Map<FaultKind, string>();
  if (targets.site.redis === undefined) {
    impossible.set("redis flushed", "redis-server is not installed");
    impossible.set("redis stopped", "redis-server is not installed");
  }
  const hasReal = targets.members.some(({ isReal }) => isReal);
  if (!hasReal) {
    impossible.set("worker killed", "no real workers were asked for");
    impossible.set("worker stopped past its lease", "no real workers were asked for");
  }
  if (!hasReal || process.platform !== "linux") {
    impossible.set("executor killed", "needs real workers on Linux");
  }
  const noMounts = "mounting a small disk needs root on Linux";
  if (targets.smallDiskMember === undefined) impossible.set("disk full on a worker", noMounts);
  if (!targets.isHomeSmall) impossible.set("disk full on the server", noMounts);
  return impossible;
}
