// `npm run chaos`: see README.md beside, or `npm run chaos -- --help`.
import { randomInt } from "node:crypto";
import { reenterInNamespace } from "./disks.ts";
import { type ChaosOptions, parseOptions, usage } from "./options.ts";
import { describeReport } from "./report.ts";
import { runChaos } from "./run.ts";

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

async function main(options: ChaosOptions): Promise<number> {
  const stopping = new AbortController();
  // Everything is ended by whoever started it, so there is no quicker way out, however often it is asked for.
  const stop = (): void => {
    if (!stopping.signal.aborted) say("stopping: ending all that was started…");
    stopping.abort();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  let isGood = true;
  for (const seed of options.seeds) {
    say(`chaos with seed ${seed}: ${options.tasks} tasks, ${options.durationSeconds} s of faults`);
    const began = performance.now();
    const told = (line: string) =>
      say(`${((performance.now() - began) / 1_000).toFixed(1).padStart(6)}  ${line}`);
    const report = await runChaos({ options, seed, say: told, signal: stopping.signal });
    say(describeReport(report));
    if (options.isJson) process.stdout.write(`${JSON.stringify(report)}\n`);
    isGood &&= report.isGood;
    if (stopping.signal.aborted) return 130;
  }
  return isGood ? 0 : 1;
}

function readOptions(): ChaosOptions | undefined | string {
  try {
    return parseOptions(process.argv.slice(2), () => randomInt(1_000_000));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const options = readOptions();
if (options === undefined) process.stdout.write(usage);
else if (typeof options === "string") {
  say(`${options}\n\n${usage}`);
  process.exitCode = 2;
} else process.exitCode = (await reenterInNamespace()) ?? (await main(options));
