import { relativeToWorkspace } from "../test-runners/test-report.ts";

export interface FileCoverage {
  readonly path: string;
  /** Lines that can be run. */
  readonly lines: number;
  /** Lines that were. */
  readonly linesHit: number;
}

interface OpenRecord {
  path: string;
  hits: Map<number, number>;
  found: number | null;
  hit: number | null;
}

const numberOf = (text: string | undefined): number | null => {
  const value = Number(text);
  return text !== undefined && text.trim() !== "" && Number.isFinite(value) && value >= 0
    ? Math.floor(value)
    : null;
};

function fileOf({ path, hits, found, hit }: OpenRecord): FileCoverage {
  const lines = hits.size > 0 ? hits.size : (found ?? 0);
  const linesHit = hits.size > 0 ? [...hits.values()].filter((count) => count > 0).length : (hit ?? 0);
  return { path, lines, linesHit: Math.min(lines, linesHit) };
}

class LcovReader {
  readonly records = new Map<string, OpenRecord>();
  readonly #roots: readonly string[];
  #open: OpenRecord | null = null;

  constructor(roots: readonly string[]) {
    this.#roots = roots;
  }

  read(key: string, value: string): void {
    if (key === "SF") {
      this.#start(relativeToWorkspace(value.replaceAll("\\", "/"), this.#roots));
    } else if (key === "end_of_record") {
      this.#open = null;
    } else if (this.#open !== null) {
      this.#add(this.#open, key, value);
    }
  }

  #start(path: string): void {
    this.#open = this.records.get(path) ?? { path, hits: new Map(), found: null, hit: null };
    this.records.set(path, this.#open);
  }

  #add(open: OpenRecord, key: string, value: string): void {
    if (key === "DA") {
      const [line, count] = value.split(",").map(numberOf);
      if (typeof line === "number" && typeof count === "number") {
        open.hits.set(line, (open.hits.get(line) ?? 0) + count);
      }
    } else if (key === "LF") {
      open.found = numberOf(value);
    } else if (key === "LH") {
      open.hit = numberOf(value);
    }
  }
}

/** Reads lcov. A file that several records name is merged. Never throws: lines that make no sense are passed over. */
export function parseLcov(text: string, roots: readonly string[]): FileCoverage[] {
  const reader = new LcovReader(roots);
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    reader.read(
      (colon < 0 ? line : line.slice(0, colon)).trim(),
      colon < 0 ? "" : line.slice(colon + 1).trim(),
    );
  }
  return [...reader.records.values()].map(fileOf);
}
