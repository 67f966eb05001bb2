import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { listRepositoryFiles } from "./repository-files.ts";
import { contentProblems, lengthProblem, nameProblem, repositoryProblems } from "./repository-rules.ts";

const lines = (count: number) => "x\n".repeat(count);

describe("the length of a file", () => {
  it.each([
    ["backend/src/app.ts", 400, undefined],
    ["backend/src/app.ts", 401, "backend/src/app.ts: 401 lines, 400 allowed: split it"],
    ["backend/src/app.test.ts", 600, undefined],
    ["backend/src/app.test.ts", 601, "backend/src/app.test.ts: 601 lines, 600 allowed: split it"],
    ["e2e/src/demo.e2e.ts", 601, "e2e/src/demo.e2e.ts: 601 lines, 600 allowed: split it"],
    ["backend/src/database/schema/tasks.ts", 900, undefined],
    ["backend/src/generated/openapi.ts", 900, undefined],
    ["docs/guide.md", 900, undefined],
  ])("%s of %i lines", (path, count, problem) => {
    expect(lengthProblem(path, lines(count))).toBe(problem);
  });

  it("counts a last line without a line break", () => {
    expect(lengthProblem("backend/src/app.ts", `${lines(400)}x`)).toContain("401 lines");
  });
});

describe("the name of a file", () => {
  it.each([
    "backend/src/utils.ts",
    "workers/src/git-helpers.ts",
    "cli/src/common/print.ts",
    "workers/src/task.manager.ts",
  ])("%s is refused", (path) => {
    expect(nameProblem(path)).toContain("says nothing");
  });

  it.each(["backend/src/app.ts", "packages/kit/src/commonmark.ts", "samples/ledger/src/utils.js"])(
    "%s is fine",
    (path) => {
      expect(nameProblem(path)).toBeUndefined();
    },
  );
});

describe("the content of a file", () => {
  it.each([
    ["see /wo" + "rk/main/src", "a path of one machine"],
    ["cd /home/" + "anna/projects/agentvine", "a path of one machine"],
    ["registry=https://" + "registry.example.com/npm/", "the host name of a package registry"],
    ["see reliability" + ".md row 4", "a document that is not in the repository"],
    ["a\n<<<<" + "<<< HEAD\nb", "an unresolved merge conflict"],
  ])("refuses %j", (text, what) => {
    expect(contentProblems("x.ts", text)).toEqual([expect.stringContaining(what)]);
  });

  it("names the line", () => {
    expect(contentProblems("x.ts", "one\ntwo\n/wo" + "rk/main")).toEqual([
      expect.stringMatching(/^x\.ts:3: /),
    ]);
  });

  it.each(["a network/work/load", "https://nodejs.org/", "/home/agentvine/src/", "ARCHITECTURE.md"])(
    "accepts %j",
    (text) => {
      expect(contentProblems("x.ts", text)).toEqual([]);
    },
  );
});

describe("a tree", () => {
  let root = "";
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "agentvine-rules-"));
  });
  afterEach(() => {
    rmSync(root, { recursive: true, force: true });
  });

  function write(path: string, text: string): void {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }

  it("is judged by the files that git tracks or would add, not by ignored ones", () => {
    execFileSync("git", ["init", "--quiet", root]);
    write(".gitignore", "dist/\n");
    write("dist/utils.js", "");
    write("src/utils.ts", "");
    expect(repositoryProblems(root)).toEqual([expect.stringContaining("src/utils.ts")]);
  });

  it("is judged the same way without git, generated folders left out", () => {
    write("node_modules/a/utils.js", "");
    write("src/utils.ts", "");
    write("image.bin", "\0/work" + "/\0");
    expect(listRepositoryFiles(root)).toEqual(["image.bin", "src/utils.ts"]);
    expect(repositoryProblems(root)).toHaveLength(1);
  });
});
