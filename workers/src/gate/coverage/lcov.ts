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
  return text !== undefined && text.trim() !== "" && Number.isFinite(value) && value >= 0 ? Math.floor(value) : null;
};

function fileOf({ path, hits, found, hit }: OpenRecord): FileCoverage {
  const lines = hits.size > 0 ? hits.size : (found ?? 0);
  const linesHit = hits.size > 0 ? [...hits.values()].filter((count) => count > 0).length : (hit ?? 0);
  return { path, lines, linesHit: Math.min(lines, linesHit) };
}

/** Reads lcov. A file that several records name is merged. Never throws: lines that make no sense are passed over. */
export function parseLcov(text: string, roots: readonly string[]): FileCoverage[] {
  const records = new Map<string, OpenRecord>();
  let open: OpenRecord | null = null;
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    const [key, value] = colon < 0 ? [line.trim(), ""] : [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
    if (key === "SF") {
      const path = relativeToWorkspace(value.replaceAll("\\", "/"), roots);
      open = records.get(path) ?? { path, hits: new Map(), found: null, hit: null };
      records.set(path, open);
    } else if (key === "end_of_record") {
      open = null;
    } else if (open !== null && key === "DA") {
      const [number, count] = value.split(",").map(numberOf);
      if (typeof number === "number" && typeof count === "number") {
        open.hits.set(number, (open.hits.get(number) ?? 0) + count);
      }
    } else if (open !== null && key === "LF") {
      open.found = numberOf(value);
    } else if (open !== null && key === "LH") {
      open.hit = numberOf(value);
    }
  }
  return [...records.values()].map(fileOf);
}
