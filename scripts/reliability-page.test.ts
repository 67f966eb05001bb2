import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { checkNamedTests } from "./reliability-page.ts";
import { repositoryRoot } from "./repository-files.ts";

it("every test that the reliability page names exists, under that name", () => {
  const page = readFileSync(join(repositoryRoot, "docs/guides/RELIABILITY.md"), "utf8");
  const { files, problems } = checkNamedTests(page);
  expect(problems).toEqual([]);
  expect(files).toBeGreaterThan(40);
});

it("a file or a test that is gone is found", () => {
  const own = "scripts/reliability-page.test.ts";
  // Put together here, or this very file would hold it.
  const gone = ["nothing", "like it"].join(" ");
  const page = `\`${own}\` "a file or a test…", "${gone}…" and \`none.test.ts\``;
  expect(checkNamedTests(page)).toEqual({
    files: 2,
    problems: [`${own} has no test that begins with "${gone}"`, "there is no none.test.ts"],
  });
});
