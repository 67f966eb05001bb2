import { isTestFile } from "../checks/file-kinds.ts";
import type { FileCoverage } from "./lcov.ts";

export interface CoverageRow {
  readonly path: string;
  readonly beforePercent: number | null;
  readonly afterPercent: number | null;
}

export interface CoverageComparison {
  readonly beforePercent: number | null;
  readonly afterPercent: number | null;
  readonly files: readonly CoverageRow[];
}

const percent = (hit: number, lines: number): number => Math.round((hit / lines) * 10_000) / 100;

const isCounted = ({ path, lines }: FileCoverage): boolean =>
  lines > 0 && !isTestFile(path) && !path.startsWith("/") && !/(?:^|\/)node_modules\//.test(path);

const byPath = (files: readonly FileCoverage[]): Map<string, FileCoverage> =>
  new Map(files.filter(isCounted).map((file) => [file.path, file]));

function rowOf(path: string, before: FileCoverage | undefined, after: FileCoverage | undefined): CoverageRow {
  return {
    path,
    beforePercent: before === undefined ? null : percent(before.linesHit, before.lines),
    afterPercent: after === undefined ? null : percent(after.linesHit, after.lines),
  };
}

const total = (parts: readonly { readonly hit: number; readonly lines: number }[]): number | null => {
  const lines = parts.reduce((sum, part) => sum + part.lines, 0);
  return lines === 0
    ? null
    : percent(
        parts.reduce((sum, part) => sum + part.hit, 0),
        lines,
      );
};

/** True when the coverage of `path` is asked for: the file itself, or a folder above it. */
export const isNamed = (path: string, names: readonly string[]): boolean =>
  names.some((name) => path === name || path.startsWith(`${name.replace(/\/$/, "")}/`));

/**
 * Line coverage before and after. Runners report only files that were loaded, so a file that is missing on one side counts
 * there as not covered at all, with the lines that the other side knows: loading a file for the first time must not look
 * like a loss. Tests themselves are not counted. `names` limits it to these files and folders.
 */
export function compareCoverage(
  before: readonly FileCoverage[],
  after: readonly FileCoverage[],
  names: readonly string[] | null,
): CoverageComparison {
  const [was, is] = [byPath(before), byPath(after)];
  const paths = [...new Set([...was.keys(), ...is.keys()])]
    .filter((path) => names === null || isNamed(path, names))
    .toSorted();
  const sides = paths.map((path) => ({ path, was: was.get(path), is: is.get(path) }));
  const linesOf = (side: (typeof sides)[number]) => side.is?.lines ?? side.was?.lines ?? 0;
  return {
    beforePercent: total(
      sides.map((side) => ({ hit: side.was?.linesHit ?? 0, lines: side.was?.lines ?? linesOf(side) })),
    ),
    afterPercent: total(sides.map((side) => ({ hit: side.is?.linesHit ?? 0, lines: linesOf(side) }))),
    files: sides.map((side) => rowOf(side.path, side.was, side.is)),
  };
}
