import type { FileChange } from "@agentvine/contracts";
import type { Sandbox } from "../../sandbox/sandbox.ts";
import { isTestFile } from "./file-kinds.ts";
import { readText } from "./read-text.ts";

const skipMarker =
  /\b(?:it|test|describe|suite|context|t)\.(?:skip|todo|only)\b|\bx(?:it|test|describe)\s*\(|\bskip:\s*(?:true|['"`])|@(?:pytest\.mark\.(?:skip|skipif|xfail)|unittest\.skip\w*|Disabled|Ignore)\b|\bpytest\.skip\(|\bt\.Skip(?:Now|f)?\(|#\[ignore/g;
const definition =
  /\b(?:it|test)(?:\.each\b[^)]*\))?\s*\(|^\s*(?:async\s+)?def\s+test\w*\s*\(|^func\s+Test\w+\s*\(|#\[(?:tokio::)?test\]|@Test\b/gm;

const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;

/** What can be told about the test files without hearing from the runner. */
export interface StaticFindings {
  readonly deleted: readonly string[];
  readonly emptied: readonly string[];
  /** `path: 5 tests before, 3 now`. */
  readonly fewerTests: readonly string[];
  /** `path: 1 skip marker more`. */
  readonly moreSkips: readonly string[];
}

/** Looks at the text of the changed test files. Counting words is coarse: use it only where no report exists. */
export async function inspectTestFiles(
  base: Sandbox,
  result: Sandbox,
  files: readonly FileChange[],
): Promise<StaticFindings> {
  const deleted: string[] = [];
  const emptied: string[] = [];
  const fewerTests: string[] = [];
  const moreSkips: string[] = [];
  for (const file of files.filter(({ path }) => isTestFile(path))) {
    const before = await readText(base, file.path);
    const after = await readText(result, file.path);
    if (before === null || before.trim() === "") {
      continue;
    }
    if (after === null) {
      deleted.push(file.path);
    } else if (after.trim() === "") {
      emptied.push(file.path);
    } else {
      const [had, has] = [count(before, definition), count(after, definition)];
      const skips = count(after, skipMarker) - count(before, skipMarker);
      if (has < had) {
        fewerTests.push(`${file.path} (${had} before, ${has} now)`);
      }
      if (skips > 0) {
        moreSkips.push(file.path);
      }
    }
  }
  return { deleted, emptied, fewerTests, moreSkips };
}
