// What: looks up every test that docs/guides/RELIABILITY.md names, by its file and the beginning of its name.
// When: part of `npm test`, through scripts/reliability-page.test.ts.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { listRepositoryFiles, repositoryRoot } from "./repository-files.ts";

/** Files in code quotes, each perhaps followed by names of its tests: `x.test.ts` "a name…", "another". */
const mention = /`([\w/.-]+\.(?:test|e2e)\.ts)`((?:,? "[^"]+")*)/g;

export interface NamedTests {
  /** How many files are named. */
  files: number;
  /** What is named and does not exist. */
  problems: string[];
}

/** Looks up the tests that a page names. A file may be named without its folders. */
export function checkNamedTests(page: string, root: string = repositoryRoot): NamedTests {
  const tests = listRepositoryFiles(root).filter((path) => /\.(test|e2e)\.ts$/.test(path));
  const named = [...page.matchAll(mention)];
  const problems = named.flatMap(([, name = "", names = ""]) => {
    const found = tests.filter((path) => path === name || path.endsWith(`/${name}`));
    const text = found.map((path) => readFileSync(join(root, path), "utf8")).join("\n");
    const missing = [...names.matchAll(/"([^"]+)"/g)]
      .map(([, quoted = ""]) => quoted.replace(/…$/, ""))
      .filter((quoted) => !text.includes(quoted));
    return found.length === 0
      ? [`there is no ${name}`]
      : missing.map((quoted) => `${name} has no test that begins with "${quoted}"`);
  });
  return { files: named.length, problems };
}
