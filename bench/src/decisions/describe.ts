import { type Aim, atMost, type Report } from "../report.ts";
import { rounded } from "../statistics.ts";
import type { Compared, Latency } from "./compared.ts";

/** Figures and a table of what was measured beside its baseline. */
export function describeCompared(measured: readonly Compared[], aims: Aim[]): Report {
  return {
    figures: Object.assign({}, ...measured.map(figuresOf)),
    aims,
    table: tableOf(measured),
  };
}

/** The p95 of what was measured under that name is at most so high. */
export function p95AtMost(measured: readonly Compared[], name: string, mostMs: number): Aim {
  const found = measured.find((one) => one.name === name);
  return atMost(`${name}: p95`, found?.own.p95Ms ?? Number.NaN, mostMs, "ms");
}

function figuresOf({ name, own, baseline, bare }: Compared): Record<string, number> {
  const named = (what: string, { p50Ms, p95Ms, perSecond }: Latency) => ({
    [`${what}: p50, ms`]: p50Ms,
    [`${what}: p95, ms`]: p95Ms,
    ...(Number.isNaN(perSecond) ? {} : { [`${what}: per second`]: perSecond }),
  });
  return {
    ...named(name, own),
    ...named(`${name}, ${baseline}`, bare),
    [`${name}: p50 over ${baseline}`]: own.p50Ms / bare.p50Ms,
    [`${name}: p95 over ${baseline}`]: own.p95Ms / bare.p95Ms,
  };
}

function tableOf(measured: readonly Compared[]): string[] {
  const width = Math.max(...measured.map(({ name }) => name.length)) + 2;
  const line = (name: string, cells: readonly (number | string)[], rest: string): string =>
    name.padEnd(width) + cells.map((cell) => String(cell).padStart(12)).join("") + rest;
  return [
    line("", ["p50 ms", "p95 ms", "p95 x bare", "bare p50", "bare p95"], "  bare is"),
    ...measured.map(({ name, own, baseline, bare }) =>
      line(
        name,
        [own.p50Ms, own.p95Ms, own.p95Ms / bare.p95Ms, bare.p50Ms, bare.p95Ms].map(rounded),
        `  a ${baseline}`,
      ),
    ),
  ];
}
