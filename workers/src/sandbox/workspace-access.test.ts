import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const source = join(import.meta.dirname, "..");
/** These parts deal with what lies in a workspace. They have no way to a file or a process but the Sandbox. */
const guarded = ["agents", "execution", "gate", "specialized"];
/** Files that may name these modules (for the worker's own data, never for a workspace), each with the reason. */
const exceptions: Readonly<Record<string, string>> = {
  "execution/executor.ts": "makes the directory of the log spool",
  "execution/log-spool.ts": "keeps the log on the worker's disk until it is sent",
  "gate/test-runners/node-report.ts": "holds the text of a reporter that runs inside the sandbox",
};

const forbidden =
  /(?:from\s+|import\s*\(\s*|import\s+|require\s*\(\s*)["'](?:node:)?(?:fs|fs\/promises|child_process)["']/;

function filesOf(folder: string): string[] {
  return readdirSync(join(source, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts") && !/(^|\/)testing\//.test(name))
    .map((name) => join(folder, name));
}

describe("the executor", () => {
  it("never opens a file or starts a process itself: what deals with workspaces imports neither", () => {
    const folders = new Set(readdirSync(source));
    const files = guarded.filter((folder) => folders.has(folder)).flatMap(filesOf);
    expect(files.length).toBeGreaterThan(0);
    const offenders = files.filter(
      (file) => exceptions[file] === undefined && forbidden.test(readFileSync(join(source, file), "utf8")),
    );
    expect(offenders).toEqual([]);
  });

  it("would be caught in every way to import them", () => {
    for (const line of [
      'import { readFile } from "node:fs/promises";',
      'import fs from "fs";',
      'import "node:child_process";',
      'await import("node:fs")',
      "require('fs')",
    ]) {
      expect(line).toMatch(forbidden);
    }
    expect('import { join } from "node:path";').not.toMatch(forbidden);
  });
});
