import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AppError, sleep } from "@agentvine/kit";
import { directoryError } from "./directory-error.ts";
import { readProcessInfo } from "./process-info.ts";

export interface OwnerLock {
  release(): void;
}

type Claim = "contending" | "held";

const contentionAttemptsMax = 20;
const contentionDelayMsMax = 100;

/**
 * Makes this process the only owner of `subject`. The lock is a directory with up to two files per process:
 *
 * - `contending-<process>` is written first, by whoever wants the lock; only then are the others' files looked at.
 *   Of two that want it at the same time at least the later one sees the other, so both can never go on.
 * - `held-<process>` is written by the one that saw nobody else; it tells the others not to wait.
 *
 * `<process>` holds pid and start time, so a file of a process that ended (however) is known as such even when its
 * pid is in use again, and may be removed by anybody: its name is never written again.
 * @throws AppError `home.in_use` with the owner's pid when a live process (this one included) has the lock.
 */
export async function acquireOwnerLock(directory: string, subject: string): Promise<OwnerLock> {
  const own = `${process.pid}-${readProcessInfo(process.pid)?.startId ?? "0"}-${randomBytes(4).toString("hex")}`;
  const file = (claim: Claim): string => join(directory, `${claim}-${own}`);
  const release = (): void => {
    rmSync(file("held"), { force: true });
    rmSync(file("contending"), { force: true });
  };
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (let attempt = 1; ; attempt += 1) {
      writeFileSync(file("contending"), "", { mode: 0o600 });
      const others = findOtherOwners(directory, own);
      const [first] = others;
      if (first === undefined) {
        writeFileSync(file("held"), "", { mode: 0o600 });
        return { release };
      }
      release();
      const holder = others.find(({ claim }) => claim === "held");
      if (holder !== undefined || attempt === contentionAttemptsMax) {
        throw inUseError(subject, (holder ?? first).pid);
      }
      await sleep(Math.random() * contentionDelayMsMax);
    }
  } catch (error) {
    throw directoryError(error, directory);
  }
}

function inUseError(subject: string, pid: number): AppError {
  return new AppError(
    "home.in_use",
    `${subject} is in use by another instance (process ${pid}). Stop it, or choose another AGENTVINE_HOME.`,
    { data: { pid } },
  );
}

/** The claims of all live processes but our own; those of dead ones are removed. */
function findOtherOwners(directory: string, own: string): { claim: Claim; pid: number }[] {
  return readdirSync(directory).flatMap((name) => {
    const match = /^(contending|held)-((\d+)-([^-]+)-[^-]+)$/.exec(name);
    if (match === null || match[2] === own) {
      return [];
    }
    const [, claim, , pid, startId] = match;
    if (readProcessInfo(Number(pid))?.startId !== startId) {
      rmSync(join(directory, name), { force: true });
      return [];
    }
    return [{ claim: claim === "held" ? "held" : "contending", pid: Number(pid) }];
  });
}
