// Writes docs/reference and .env.example from the code: error catalog, events, state machines, settings, command line, HTTP API.
//
// When: after a change to any of them; `npm run check` compares, and fails when something is out of date.
// How: `npm run docs:generate`, or with --check to compare only.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { createOpenApiDocument } from "../backend/src/http/openapi-document.ts";
import { version } from "../backend/src/version.ts";
import { cliPage } from "./reference/cli-page.ts";
import { configPage, envExample } from "./reference/config-page.ts";
import { errorsPage } from "./reference/errors-page.ts";
import { eventsPage } from "./reference/events-page.ts";
import { statesPage } from "./reference/states-page.ts";
import { repositoryRoot } from "./repository-files.ts";

/** Every generated file: its path and its text. */
export const generateDocs = (): ReadonlyMap<string, string> =>
  new Map([
    ["docs/reference/errors.md", errorsPage()],
    ["docs/reference/events.md", eventsPage()],
    ["docs/reference/states.md", statesPage()],
    ["docs/reference/config.md", configPage()],
    ["docs/reference/cli.md", cliPage()],
    ["docs/reference/openapi.json", `${JSON.stringify(createOpenApiDocument(version), null, 2)}\n`],
    [".env.example", envExample()],
  ]);

/** Where a file stops being what it should be, for people; undefined when it is up to date. */
export const difference = (path: string, wanted: string, found: string | undefined): string | undefined => {
  if (found === undefined) return `${path} is missing`;
  if (found === wanted) return undefined;
  const [wantedLines, foundLines] = [wanted.split("\n"), found.split("\n")];
  const at = wantedLines.findIndex((line, index) => line !== foundLines[index]);
  const index = at < 0 ? wantedLines.length : at;
  return `${path}:${index + 1} is out of date\n  has:   ${foundLines[index] ?? "(end)"}\n  wants: ${wantedLines[index] ?? "(end)"}`;
};

const readIfThere = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
};

/** What is out of date below `root`; empty when nothing is. */
export const staleDocs = (root: string = repositoryRoot): string[] =>
  [...generateDocs()].flatMap(
    ([path, wanted]) => difference(path, wanted, readIfThere(join(root, path))) ?? [],
  );

/** Writes every generated file below `root`. */
export const writeDocs = (root: string = repositoryRoot): void => {
  for (const [path, text] of generateDocs()) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
};

const run = (isCheck: boolean): number => {
  if (!isCheck) writeDocs();
  const stale = staleDocs();
  for (const line of stale) console.error(line);
  return stale.length === 0 ? 0 : 1;
};

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  process.exitCode = run(process.argv.includes("--check"));
}
