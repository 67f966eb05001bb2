import { posix } from "node:path";
import type { Budget } from "./budget.ts";
import { matchesSegment, matchesSequence } from "./wildcard.ts";

/** A glob, once per alternative of its braces. */
export interface PathGlob {
  readonly text: string;
  readonly alternatives: readonly Alternative[];
}

interface Alternative {
  readonly isAbsolute: boolean;
  readonly segments: readonly string[];
}

/** Strict globs allow, so a path must surely lie where they say. Lenient ones refuse, so that it might is enough. */
export type Strictness = "strict" | "lenient";

/** Whether a path leads out of a folder on its way. */
export const climbs = (path: string): boolean => /(^|\/)\.\.(\/|$)/.test(path);

const alternativesMax = 64;
const isOutside = (path: string): boolean => path.startsWith("/") || path.startsWith("~");
const segmentsOf = (path: string): string[] => path.split("/").filter((part) => part !== "" && part !== ".");

function expandBraces(text: string): string[] {
  const open = text.lastIndexOf("{");
  if (open === -1) {
    return [text];
  }
  const close = text.indexOf("}", open);
  if (close === -1) {
    throw new Error("a { is not closed");
  }
  const results = text
    .slice(open + 1, close)
    .split(",")
    .flatMap((one) => expandBraces(`${text.slice(0, open)}${one}${text.slice(close + 1)}`));
  if (results.length > alternativesMax) {
    throw new Error(`more than ${alternativesMax} alternatives in braces`);
  }
  return results;
}

/**
 * Reads a glob: `*` and `?` within a name, `**` for any number of folders, `{a,b}` for alternatives; a trailing slash means everything
 * below. Brackets stand for themselves. @throws Error saying what is wrong
 */
export function compileGlob(text: string): PathGlob {
  const alternatives = expandBraces(text).map((alternative) => {
    const segments = segmentsOf(alternative);
    if (segments.includes("..")) {
      throw new Error("a glob can't hold ..");
    }
    if (segments.some((segment) => segment !== "**" && segment.includes("**"))) {
      throw new Error("** must be a folder of its own");
    }
    return {
      isAbsolute: isOutside(alternative),
      segments: alternative.endsWith("/") ? [...segments, "**"] : segments,
    };
  });
  return { text, alternatives };
}

/** Whether the path lies where the glob says. A path that leaves the workspace is inside no relative glob that allows. */
export function matchesGlob(glob: PathGlob, path: string, strictness: Strictness, budget: Budget): boolean {
  const isLenient = strictness === "lenient";
  const fold = (text: string): string => (isLenient ? text.toLowerCase() : text);
  // Only the shell knows what lies above somebody's home.
  const normal = path.startsWith("~") ? path : posix.normalize(path === "" ? "." : path);
  const segments = segmentsOf(fold(normal));
  const leaves = isOutside(normal) || segments[0] === "..";
  return glob.alternatives.some((alternative) => {
    if (!isLenient && alternative.isAbsolute !== leaves) {
      return false;
    }
    if (!isLenient && segments.includes("..")) {
      return false;
    }
    // From outside it may lead back into the workspace, wherever that lies: whatever ends like the glob might be meant.
    const isAnywhere = isLenient && leaves && !alternative.isAbsolute;
    return matchesSequence(
      isAnywhere ? ["**", ...alternative.segments] : alternative.segments,
      segments,
      (part) => part === "**",
      (part, segment) => matchesSegment(fold(part), segment, budget),
      budget,
    );
  });
}
