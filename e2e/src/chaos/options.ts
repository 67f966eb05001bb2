import { parseArgs } from "node:util";

export interface ChaosOptions {
  readonly seeds: readonly number[];
  /** How long faults are injected, per seed. Starting before and settling after come on top. */
  readonly durationSeconds: number;
  readonly tasks: number;
  /** How many of the tasks go through real workers, at most. */
  readonly realTasks: number;
  /** Protocol workers. */
  readonly workers: number;
  readonly realWorkers: number;
  readonly isJson: boolean;
  /** Leave the files of the run. */
  readonly isKept: boolean;
  /** A fault planted in the backend, which the checker must find. */
  readonly plant: "no-fence" | undefined;
}

export const usage = `npm run chaos -- [options]

Starts a backend with its PostgreSQL and Redis and a fleet of workers, gives them work, breaks them, and judges what is left.
Exit code 0 only when every promise was kept.

  --seed N         repeat a run; may be given several times or as a list 1,2,3    default 1
  --random         draw a seed
  --duration S     seconds of faults per seed                                      default 30
  --tasks N        tasks per seed                                                  default 210
  --real N         of these through real workers, with an agent and a gate         default 5
  --workers N      protocol workers                                                default 6
  --real-workers N real workers                                                    default 2
  --plant no-fence take the fencing out of the backend: the run must fail
  --json           one JSON document per seed on standard output
  --keep           leave the files of the run
  --help
`;

const flags = {
  seed: { type: "string", multiple: true },
  random: { type: "boolean", default: false },
  duration: { type: "string", default: "30" },
  tasks: { type: "string", default: "210" },
  real: { type: "string", default: "5" },
  workers: { type: "string", default: "6" },
  "real-workers": { type: "string", default: "2" },
  plant: { type: "string" },
  json: { type: "boolean", default: false },
  keep: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

function count(name: string, text: string, min: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min) {
    throw new Error(`--${name} must be a whole number of at least ${min}, not "${text}"`);
  }
  return value;
}

/**
 * Reads the command line; undefined when help was asked for.
 * @throws Error that names the flag.
 */
export function parseOptions(argv: readonly string[], drawSeed: () => number): ChaosOptions | undefined {
  const { values } = parseArgs({ args: [...argv], options: flags });
  if (values.help) return undefined;
  const given = (values.seed ?? []).flatMap((text) => text.split(","));
  const named = given.map((text) => count("seed", text.trim(), 0));
  const { plant } = values;
  if (plant !== undefined && plant !== "no-fence") throw new Error(`--plant knows no "${plant}"`);
  return {
    seeds: [...named, ...(values.random ? [drawSeed()] : named.length === 0 ? [1] : [])],
    durationSeconds: count("duration", values.duration, 1),
    tasks: count("tasks", values.tasks, 1),
    realTasks: count("real", values.real, 0),
    workers: count("workers", values.workers, 1),
    realWorkers: count("real-workers", values["real-workers"], 0),
    isJson: values.json,
    isKept: values.keep,
    plant,
  };
}

/** The command that repeats a run. */
export const commandOf = (options: ChaosOptions, seed: number): string =>
  [
    `npm run chaos -- --seed ${seed} --duration ${options.durationSeconds} --tasks ${options.tasks}`,
    `--real ${options.realTasks} --workers ${options.workers} --real-workers ${options.realWorkers}`,
    ...(options.plant === undefined ? [] : [`--plant ${options.plant}`]),
  ].join(" ");
