import { newId } from "@agentvine/kit";
import { type RoundsOptions, runRounds } from "../load.ts";
import { openSite } from "./in-process-lives.ts";
import { recordStatements, type SentStatement, tapDriver } from "./recorder.ts";
import { measureReplay } from "./replay.ts";

export interface InProcessResult {
  /** Lives per second by the backend's services. */
  perSecond: number;
  /** Lives per second of the same statements, sent bare. */
  barePerSecond: number;
  statementsPerLife: number;
}

/** Databases with the same rows: each run begins from where the others began. */
export interface Databases {
  createMigrated(): Promise<string>;
  /** A copy of a database nobody is connected to. */
  copy(url: string): Promise<string>;
}

/** Sent for all lives together, a moment later, by what the first of them woke. */
const isBackground = (text: string): boolean => text.startsWith("select pg_notify(channel");

/** The same lives twice: by the services of the backend in this process, and as their recorded statements alone. */
export async function measureInProcess(
  databases: Databases,
  options: RoundsOptions,
): Promise<InProcessResult> {
  const { concurrency, warmUpRounds, rounds } = options;
  const instanceIds = Array.from({ length: concurrency }, newId);
  const recorded = await databases.createMigrated();
  // Registers everything, so that the copy knows the same repository and workers.
  let site = await openSite(recorded, instanceIds);
  await site.close();
  const pristine = await databases.copy(recorded);

  const stopTapping = tapDriver();
  const lives: SentStatement[][][] = Array.from({ length: concurrency }, () => []);
  site = await openSite(recorded, instanceIds);
  try {
    await Promise.all(
      lives.map(async (own, caller) => {
        for (let round = 0; round < warmUpRounds + rounds; round += 1) {
          const sent = await recordStatements(() => site.live(caller));
          own.push(sent.filter(({ text }) => !isBackground(text)));
        }
      }),
    );
  } finally {
    await site.close();
    stopTapping();
  }
  const barePerSecond = await measureReplay(pristine, lives, options);

  site = await openSite(await databases.createMigrated(), instanceIds);
  try {
    const perSecond = await runRounds(options, (caller) => site.live(caller));
    return { perSecond, barePerSecond, statementsPerLife: lives[0]?.at(-1)?.length ?? 0 };
  } finally {
    await site.close();
  }
}
