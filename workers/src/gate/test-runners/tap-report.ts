import {
  type RawTest,
  relativeToWorkspace,
  reportOf,
  type TestReport,
  type TestStatus,
} from "./test-report.ts";

const point = /^((?: {4})*)(not )?ok\b(?: +\d+)?(?: +- +| +)?(.*)$/;
const subtest = /^((?: {4})*)# Subtest: (.*)$/;
const directive = /\s#\s*(skip|todo)\b/i;

interface OpenLevel {
  name: string;
  hasChildren: boolean;
}

function statusOf(isNotOk: boolean, rest: string): TestStatus {
  if (directive.test(rest)) {
    return "skipped";
  }
  return isNotOk ? "failed" : "passed";
}

class TapReader {
  readonly raw: RawTest[] = [];
  readonly #roots: readonly string[];
  #open: (OpenLevel | undefined)[] = [];

  constructor(roots: readonly string[]) {
    this.#roots = roots;
  }

  start(depth: number, name: string): void {
    this.#open = this.#open.slice(0, depth);
    this.#open[depth] = { name, hasChildren: false };
  }

  end(depth: number, isNotOk: boolean, rest: string): void {
    const name = rest.split(directive)[0]?.trim() ?? "";
    const self = this.#open[depth];
    const parents = this.#open.slice(0, depth).map((level) => level?.name ?? "");
    const parent = this.#open[depth - 1];
    if (parent !== undefined) {
      parent.hasChildren = true;
    }
    const isSummaryOfChildren = self?.hasChildren === true && self.name === name;
    if (!isSummaryOfChildren) {
      this.raw.push({
        file: "",
        path: [...parents, name === "" ? "unnamed" : relativeToWorkspace(name, this.#roots)],
        status: statusOf(isNotOk, rest),
      });
    }
    this.#open = this.#open.slice(0, depth);
  }
}

/**
 * Reads the Test Anything Protocol (with the indented subtests of node:test, tap and others) from a command's output.
 * Null when the output does not begin with a TAP version line; never throws.
 */
export function parseTapReport(text: string, roots: readonly string[]): TestReport | null {
  if (!/^(?:[^\n]*\n){0,20}?TAP version 1[34]\b/.test(text)) {
    return null;
  }
  const reader = new TapReader(roots);
  for (const line of text.split(/\r?\n/)) {
    const opened = subtest.exec(line);
    const found = opened === null ? point.exec(line) : null;
    if (opened !== null) {
      reader.start((opened[1] ?? "").length / 4, opened[2] ?? "");
    } else if (found !== null) {
      reader.end((found[1] ?? "").length / 4, found[2] !== undefined, found[3] ?? "");
    }
  }
  return reportOf(reader.raw);
}
