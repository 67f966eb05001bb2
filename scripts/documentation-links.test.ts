import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { checkDocumentation } from "./documentation-links.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "documentation-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
};

it("every link, heading, path and command that our documents name exists", async () => {
  const { problems, references } = await checkDocumentation();
  expect(problems).toEqual([]);
  expect(references).toBeGreaterThan(150);
});

it("a link to nothing, a heading that is gone, a missing path and an unknown script are found", async () => {
  write("package.json", '{"scripts":{"test":"true"}}');
  write("docs/guide.md", '# Guide\n\n## First steps\n\n<a id="code.one"></a>\n');
  write(
    "README.md",
    [
      "[good](docs/guide.md#first-steps) [good](docs/guide.md#code.one) [none](docs/none.md)",
      "[gone](docs/guide.md#last-steps) `docs/guide.md` `src/none.ts` `cli/dist/main.js`",
      "```sh",
      "npm run none",
      "npm test",
      "```",
    ].join("\n"),
  );
  const { problems } = await checkDocumentation(root);
  expect(problems).toEqual([
    "README.md:1 links to docs/none.md, which does not exist",
    "README.md:2 links to docs/guide.md#last-steps, but there is no such heading",
    "README.md:2 names src/none.ts, which does not exist",
    'README.md:4 says `npm run none`, but package.json has no script "none"',
  ]);
});
