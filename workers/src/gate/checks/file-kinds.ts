import type { FileChange } from "@agentvine/contracts";

const testFolder = /(?:^|\/)(?:tests?|__tests__|specs?|e2e|__snapshots__|__mocks__)\//;
const testName =
  /(?:^|\/)(?:[^/]+[._-](?:test|tests|spec)\.[^/.]+|(?:test|tests|spec)\.[^/.]+|test_[^/]+\.py|[^/]+_test\.(?:py|go|rb|exs)|conftest\.py|[^/]+Tests?\.(?:java|kt|cs|php|swift)|[^/]+\.(?:test|spec)\.[^/]+\.snap)$/;

/** Does the path belong to the tests: a test, or something that only tests use? */
export const isTestFile = (path: string): boolean => testFolder.test(path) || testName.test(path);

const docsFolder = /(?:^|\/)(?:docs?|documentation)\//i;
const docsExtension = /\.(?:md|mdx|markdown|rst|adoc|asciidoc)$/i;
const docsName =
  /(?:^|\/)(?:readme|changelog|contributing|licen[cs]e|notice|authors|security|code_of_conduct|history)(?:\.\w+)?$/i;
const picture = /\.(?:png|jpe?g|gif|svg|webp)$/i;

/** Is the path documentation: Markdown and the like, what lies below docs/, the well-known files, pictures? */
export const isDocumentation = (path: string): boolean =>
  docsFolder.test(path) || docsExtension.test(path) || docsName.test(path) || picture.test(path);

export const isMarkdown = (path: string): boolean => /\.(?:md|mdx|markdown)$/i.test(path);

const generated =
  /(?:^|\/)(?:node_modules|__pycache__|\.pytest_cache|\.nyc_output|\.venv|\.cache)\/|(?:^|\/)coverage\/(?:lcov|coverage-|clover|tmp\/)|(?:^|\/)(?:\.coverage|npm-debug\.log|\.DS_Store)$|\.(?:pyc|orig|rej)$/;

/** Is the path something that tools leave behind and nobody commits? */
export const isGenerated = (path: string): boolean => generated.test(path);

/** Paths of test files that the result still holds and that the agent added or changed. */
export const changedTestFiles = (files: readonly FileChange[]): string[] =>
  files.filter((file) => file.status !== "deleted" && isTestFile(file.path)).map((file) => file.path);

/** True when both name the same file; a runner that works below the root knows only the end of the path. */
export const isSameFile = (path: string, reported: string): boolean =>
  reported !== "" && (path === reported || path.endsWith(`/${reported}`));

/** `a, b, c and 4 more`. */
export function listShort(items: readonly string[], shownMax = 3): string {
  const shown = items
    .slice(0, shownMax)
    .map((item) => item.trim())
    .join(", ");
  return items.length <= shownMax ? shown : `${shown} and ${items.length - shownMax} more`;
}

/** `1 test`, `2 tests`. */
export const countOf = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;
