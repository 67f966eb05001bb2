// Lays out the one package that users install, `agentvine`, in ./staging.
//
// What: the compiled files of every program and package in the same layout as the checkout, so that paths relative to a
//   file (migrations, samples, the other programs) are the same in both. Imports of `@agentvine/*` become relative
//   paths and the third-party dependencies of all workspaces are merged into one list.
// Why not bundled workspaces: `npm pack` leaves linked workspaces out without a word. Why not one bundled file: plugins
//   of the server read their own files beside their code.
// How: `npx tsx scripts/stage-package.ts` builds and stages; scripts/check-package.ts packs, installs and starts it.
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { pathToFileURL } from "node:url";
import { listRepositoryFiles, repositoryRoot } from "./repository-files.ts";

interface Manifest {
  name: string;
  version: string;
  description?: string;
  license?: string;
  engines?: Record<string, string>;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

const programs = ["backend", "workers", "controller", "cli"];
const notShipped = new Set(["packages/testkit"]);
const scope = "@agentvine/";

/** Copied as they are, when they exist. */
const plainFiles =
  /^(samples|backend\/migrations|packages\/policy\/presets)\/|^(LICENSE|README\.md|CHANGELOG\.md)$|^cli\/bin\/agentvine\.js$/;

/** Stages the built checkout at `root` into the folder `target`, which is emptied first. Throws when a file is missing. */
export function stagePackage(root: string, target: string): void {
  rmSync(target, { recursive: true, force: true });
  const files = listRepositoryFiles(root);
  const workspaces = listWorkspaces(files);
  for (const path of files.filter((file) => plainFiles.test(file))) copy(root, target, path);
  for (const workspace of workspaces) stageWorkspace(root, target, workspace, files);
  write(target, "package.json", toJson(mergeManifests(root, workspaces)));
  chmodSync(join(target, "cli/bin/agentvine.js"), 0o755);
}

/** Folders of the workspaces whose code is shipped. */
export function listWorkspaces(files: string[]): string[] {
  const packages = files
    .filter((path) => /^packages\/[^/]+\/package\.json$/.test(path))
    .map((path) => dirname(path));
  return [...packages, ...programs].filter((workspace) => !notShipped.has(workspace));
}

function stageWorkspace(root: string, target: string, workspace: string, files: string[]): void {
  const { name, version } = readManifest(root, workspace);
  write(target, `${workspace}/package.json`, toJson({ name, version, private: true, type: "module" }));
  // Going by the sources leaves out what an earlier build compiled from files that are gone.
  const sources = files.filter((path) => path.startsWith(`${workspace}/src/`) && isCompiled(path));
  for (const source of sources) {
    const path = source.replace(`${workspace}/src/`, `${workspace}/dist/`).replace(/\.ts$/, ".js");
    write(target, path, withRelativeImports(readFileSync(join(root, path), "utf8"), path));
  }
}

const isCompiled = (path: string) => path.endsWith(".ts") && !/\.test\.ts$|\/testing\//.test(path);

/** Replaces the imports of our own packages in the compiled file at `path` by paths relative to it. */
export function withRelativeImports(text: string, path: string): string {
  const specifier = /(\bfrom\s*|\bimport\s*\(?\s*)(["'])@agentvine\/([a-z0-9-]+)\2/g;
  const result = text.replace(specifier, (_match, keyword: string, quote: string, name: string) => {
    const relative = posix.relative(posix.dirname(path), `packages/${name}/dist/index.js`);
    return `${keyword}${quote}${relative.startsWith(".") ? relative : `./${relative}`}${quote}`;
  });
  const left = /["']@agentvine\/[a-z0-9-]+["']/.exec(result);
  if (left !== null) throw new Error(`${path}: ${left[0]} cannot be resolved in the installed package`);
  return result.replace(/^\/\/# sourceMappingURL=.*\n?/m, "");
}

/** The manifest of the staged package: what all workspaces need from outside. Throws on two versions of one package. */
export function mergeManifests(root: string, workspaces: string[]): Record<string, unknown> {
  const { version, description, license, engines } = readManifest(root, ".");
  return {
    name: "agentvine",
    version,
    description,
    license,
    type: "module",
    bin: { agentvine: "cli/bin/agentvine.js" },
    engines,
    dependencies: mergeDependencies(root, workspaces, "dependencies"),
    optionalDependencies: mergeDependencies(root, workspaces, "optionalDependencies"),
  };
}

function mergeDependencies(
  root: string,
  workspaces: string[],
  kind: "dependencies" | "optionalDependencies",
): Record<string, string> {
  const merged = new Map<string, string>();
  for (const workspace of workspaces) {
    for (const [name, wanted] of Object.entries(readManifest(root, workspace)[kind] ?? {})) {
      if (name.startsWith(scope)) continue;
      const known = merged.get(name) ?? wanted;
      if (known !== wanted)
        throw new Error(`${workspace} wants ${name} ${wanted}, another workspace ${known}`);
      merged.set(name, wanted);
    }
  }
  return Object.fromEntries([...merged].sort(([left], [right]) => (left < right ? -1 : 1)));
}

function readManifest(root: string, workspace: string): Manifest {
  return JSON.parse(readFileSync(join(root, workspace, "package.json"), "utf8")) as Manifest;
}

function copy(root: string, target: string, path: string): void {
  mkdirSync(dirname(join(target, path)), { recursive: true });
  cpSync(join(root, path), join(target, path));
}

function write(target: string, path: string, text: string): void {
  mkdirSync(dirname(join(target, path)), { recursive: true });
  writeFileSync(join(target, path), text);
}

const toJson = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

/** Where the package is staged by default. */
export const stagingFolder = join(repositoryRoot, "staging");

/** Builds the checkout and stages it into ./staging. */
export function buildAndStage(): void {
  execFileSync(process.execPath, [join(repositoryRoot, "cli/bin/build.js")], { stdio: "inherit" });
  stagePackage(repositoryRoot, stagingFolder);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  buildAndStage();
  console.log(`staged in ${stagingFolder}`);
}
