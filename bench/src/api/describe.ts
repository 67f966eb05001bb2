import { type Aim, atMost, type Report } from "../report.ts";
import { rounded } from "../statistics.ts";
import type { RequestSpeed, SizeResult, Speed } from "./measure.ts";

/** How much slower a read may become when there are a thousand times as many tasks. */
const growthMax = 3;
/** No list may take longer, in milliseconds: people wait for it. */
const listMsMax = 250;

/** Figures, aims and a table of what was measured with few and with many tasks. */
export function describeSizes(sizes: readonly SizeResult[]): Report {
  const [few, many] = sizes;
  if (few === undefined || many === undefined) throw new Error("two sizes are compared");
  return {
    figures: { ...figuresOf(few), ...figuresOf(many) },
    aims: aimsOf(few, many),
    table: tableOf([few, many]),
  };
}

function figuresOf({ taskCount, bare, requests }: SizeResult): Record<string, number> {
  const named = (name: string, { p50Ms, p95Ms, perSecond }: Speed) => ({
    [`${taskCount} tasks: ${name}, p50, ms`]: p50Ms,
    [`${taskCount} tasks: ${name}, p95, ms`]: p95Ms,
    [`${taskCount} tasks: ${name}, per second`]: perSecond,
  });
  return Object.assign(
    named("bare route", bare),
    ...requests.map((speed) => ({
      ...named(speed.name, speed),
      [`${taskCount} tasks: ${speed.name}, p95 over bare`]: speed.p95Ms / bare.p95Ms,
      [`${taskCount} tasks: ${speed.name}, share of bare per second`]: speed.perSecond / bare.perSecond,
    })),
  );
}

function aimsOf(few: SizeResult, many: SizeResult): Aim[] {
  const before = new Map(few.requests.map((speed) => [speed.name, speed.p95Ms]));
  const growth = many.requests
    .filter(({ isWrite }) => !isWrite)
    .map(({ name, p95Ms }) =>
      atMost(
        `${name}: p95 with ${many.taskCount} tasks over ${few.taskCount}`,
        p95Ms / (before.get(name) ?? Number.NaN),
        growthMax,
        "x",
      ),
    );
  const slow = many.requests
    .filter(({ isList }) => isList)
    .map(({ name, p95Ms }) => atMost(`${name}: p95 with ${many.taskCount} tasks`, p95Ms, listMsMax, "ms"));
  return [...growth, ...slow];
}

const headings = ["p50 ms", "p95 ms", "/s", "p95 x bare", "/s of bare"];

function tableOf(sizes: readonly SizeResult[]): string[] {
  const width = Math.max(...sizes.flatMap(({ requests }) => requests.map(({ name }) => name.length))) + 2;
  const line = (name: string, cells: readonly (number | string)[]): string =>
    name.padEnd(width) + cells.map((cell) => String(cell).padStart(11)).join("");
  const cellsOf = ({ p50Ms, p95Ms, perSecond }: Speed, bare: Speed): number[] =>
    [p50Ms, p95Ms, perSecond, p95Ms / bare.p95Ms, perSecond / bare.perSecond].map(rounded);
  return sizes.flatMap(({ taskCount, bare, requests }) => [
    line(`${taskCount} tasks`, headings),
    line("bare Fastify route", cellsOf(bare, bare)),
    ...requests.map((speed: RequestSpeed) => line(speed.name, cellsOf(speed, bare))),
    "",
  ]);
}
