import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { rounded } from "./statistics.ts";

/** A figure that a bench wants to reach. */
export interface Aim {
  name: string;
  value: number;
  /** In words, with the unit: ">= 300 /s". */
  aim: string;
  holds: boolean;
}

/** What a bench found. Figures carry their unit in their name. */
export interface Report {
  aims: Aim[];
  figures: Record<string, number>;
  /** Lines that people read in place of the figures. */
  table?: readonly string[];
}

/** At least `least`. */
export const atLeast = (name: string, value: number, least: number, unit: string): Aim => ({
  name,
  value: rounded(value),
  aim: `>= ${least} ${unit}`.trim(),
  holds: value >= least,
});

/** At most `most`. */
export const atMost = (name: string, value: number, most: number, unit: string): Aim => ({
  name,
  value: rounded(value),
  aim: `<= ${most} ${unit}`.trim(),
  holds: value <= most,
});

/** What the figures were measured on. */
function describeMachine(): Record<string, string | number> {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    loadBefore: rounded(loadBefore),
    date: new Date().toISOString().slice(0, 10),
  };
}

const loadBefore = loadavg()[0] ?? 0;

/** Prints one line of JSON, or a table for people. Missing an aim is told, and is no failure of the bench. */
export function printReport(title: string, { aims, figures, table }: Report, isJson: boolean): void {
  const shown = Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, rounded(value)]));
  const machine = describeMachine();
  if (isJson) {
    process.stdout.write(`${JSON.stringify({ aims, figures: shown, machine })}\n`);
    return;
  }
  const named = table === undefined ? Object.keys(shown) : [];
  const width = Math.max(...[...aims.map(({ name }) => name), ...named].map((name) => name.length));
  const lines = [
    title,
    "",
    ...(table ?? named.map((name) => `${name.padEnd(width)}  ${shown[name]}`)).map((line) => `  ${line}`),
    "",
    ...aims.map(
      ({ name, value, aim, holds }) =>
        `  ${holds ? "holds " : "MISSED"}  ${name.padEnd(width)}  ${value}  (aim ${aim})`,
    ),
    "",
    `  on ${Object.entries(machine)
      .map(([name, value]) => `${name} ${value}`)
      .join(", ")}`,
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}
