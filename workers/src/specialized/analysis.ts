/** What an agent found out about a bug, in its own words. */
export interface Analysis {
  readonly error: string;
  readonly suspectedCause: string;
  readonly files: readonly string[];
}

const field = /^[\s>*#_-]*\**(error|suspected cause|cause|files?)\**\s*:\**\s*(.*)$/i;
const textLengthMax = 4_000;
const filesMax = 100;

type Name = "error" | "cause" | "files";

const nameOf = (word: string): Name =>
  word.toLowerCase() === "error" ? "error" : word.toLowerCase().startsWith("file") ? "files" : "cause";

function collectFields(summary: string): Map<Name, string[]> {
  const fields = new Map<Name, string[]>();
  let current: Name | null = null;
  for (const line of summary.split(/\r?\n/)) {
    const found = field.exec(line);
    if (found !== null) {
      current = nameOf(found[1] ?? "");
      fields.set(current, [found[2] ?? ""]);
    } else if (line.trim() === "" && fields.size === 3) {
      current = null;
    } else if (current !== null) {
      fields.get(current)?.push(line);
    }
  }
  return fields;
}

const textOf = (lines: readonly string[] | undefined): string =>
  (lines ?? []).join("\n").trim().slice(0, textLengthMax);

function filesOf(lines: readonly string[] | undefined): string[] {
  const names = (lines ?? [])
    .flatMap((line) => line.split(/[,;]/))
    .map((name) =>
      name
        .replace(/^[\s>*-]+/, "")
        .replaceAll("`", "")
        .trim(),
    )
    .map((name) => name.split(/\s/)[0]?.replace(/:\d+.*$/, "") ?? "")
    .filter((name) => name !== "" && name !== "and");
  return [...new Set(names)].slice(0, filesMax);
}

/**
 * Reads the analysis at the end of a bug fix's summary (`Error:`, `Suspected cause:`, `Files:`; the last of each counts).
 * Null when the summary holds neither an error nor a cause. Never throws.
 */
export function parseAnalysis(summary: string): Analysis | null {
  const fields = collectFields(summary);
  const analysis = {
    error: textOf(fields.get("error")),
    suspectedCause: textOf(fields.get("cause")),
    files: filesOf(fields.get("files")),
  };
  return analysis.error === "" && analysis.suspectedCause === "" ? null : analysis;
}
