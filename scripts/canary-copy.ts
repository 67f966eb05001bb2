// A throw-away copy of the sources in which violations can be planted: the working tree is only read, so it may hold
// unfinished work. Third-party packages are linked, our own workspaces are copied.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { listRepositoryFiles, repositoryRoot } from "./repository-files.ts";

const wanted =
  /(^|\/)src\/.*\.ts$|(^|\/)package\.json$|^[^/]*tsconfig[^/]*\.json$|\/tsconfig\.json$|^biome\.json$|^\.oxlintrc\.json$|^\.dependency-cruiser\.cjs$/;

/** Copies sources, manifests and lint configuration to a new temporary folder; the caller removes it. */
export function copySources(): string {
  const copy = mkdtempSync(join(tmpdir(), "agentvine-canaries-"));
  const sources = listRepositoryFiles().filter((path) => wanted.test(path) && !path.startsWith("samples/"));
  // Somebody may be moving files while we look.
  for (const path of sources.filter((source) => existsSync(join(repositoryRoot, source)))) {
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    cpSync(join(repositoryRoot, path), join(copy, path));
  }
  linkModules(copy, sources);
  return copy;
}

/** Writes the planted files, given by path, into the copy. */
export function plant(copy: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    writeFileSync(join(copy, path), text);
  }
}

function linkModules(copy: string, sources: string[]): void {
  const installed = join(repositoryRoot, "node_modules");
  const scope = join(copy, "node_modules/@agentvine");
  mkdirSync(scope, { recursive: true });
  for (const entry of readdirSync(installed)) {
    if (entry !== "@agentvine") symlinkSync(join(installed, entry), join(copy, "node_modules", entry));
  }
  for (const name of readdirSync(join(copy, "packages")))
    symlinkSync(join(copy, "packages", name), join(scope, name));
  // What npm could not hoist lives in the workspace's own node_modules.
  for (const manifest of sources.filter((path) => path.endsWith("/package.json"))) {
    const nested = join(repositoryRoot, dirname(manifest), "node_modules");
    if (existsSync(nested)) symlinkSync(nested, join(copy, dirname(manifest), "node_modules"));
  }
}
