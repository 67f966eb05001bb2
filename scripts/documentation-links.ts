// Checks our own documents with the gate of docs tasks: relative links and headings exist, so do the paths in code spans, and the
// package scripts and files that shell blocks name.
import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { parsePackageFile } from "../workers/src/gate/checks/package-file.ts";
import { checkDocument } from "../workers/src/gate/docs/check-document.ts";
import type { RepositoryTree } from "../workers/src/gate/docs/repository-tree.ts";
import { listRepositoryFiles, repositoryRoot } from "./repository-files.ts";

/** What builds and programs make, which no document can link to but many name. */
const made = /(^|\/)(dist|node_modules|coverage|staging|\.cache)(\/|$)/;

/** A workspace's README names what lies below its `src/`. */
const belowSources = (path: string): string => path.replace(/^(packages\/[^/]+|[^/]+)\//, "$1/src/");

/** The files below `root` as the gate sees a checkout. */
const treeOf = (root: string): RepositoryTree => {
  const files = new Set(listRepositoryFiles(root));
  const folders = new Set<string>([""]);
  for (const file of files) {
    for (let folder = posix.dirname(file); folder !== "."; folder = posix.dirname(folder))
      folders.add(folder);
  }
  const isThere = (path: string): boolean => files.has(path) || folders.has(path.replace(/\/$/, ""));
  const text = async (path: string) => (files.has(path) ? readFileSync(join(root, path), "utf8") : null);
  return {
    files,
    has: (path) => isThere(path) || isThere(belowSources(path)),
    text,
    packageFile: async (folder) => parsePackageFile((await text(posix.join(folder, "package.json"))) ?? ""),
    ignored: async (paths) => new Set(paths.filter((path) => made.test(path))),
  };
};

const isOurs = (path: string): boolean => path.endsWith(".md") && !path.startsWith("samples/");

/** Every reference of our Markdown files that leads nowhere, one line each, and how many were looked at. */
export const checkDocumentation = async (
  root: string = repositoryRoot,
): Promise<{ problems: string[]; references: number }> => {
  const tree = treeOf(root);
  const problems: string[] = [];
  let references = 0;
  for (const path of [...tree.files].filter(isOurs)) {
    const { broken, good } = await checkDocument(path, (await tree.text(path)) ?? "", tree);
    problems.push(...broken.map(({ text }) => text));
    references += good.link + good.path + good.command;
  }
  return { problems, references };
};
