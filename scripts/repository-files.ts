// Lists the files that belong to the repository: what git tracks plus what it would add. Without git (an unpacked
// archive) the tree is walked instead, leaving out what .gitignore names.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** Absolute path of the repository's root folder. */
export const repositoryRoot = fileURLToPath(new URL("..", import.meta.url));

const generatedFolders = new Set(["node_modules", "dist", ".cache", "staging", ".git"]);

/** Paths relative to `root`, with forward slashes, sorted; files that were deleted but not yet committed are left out. */
export function listRepositoryFiles(root: string = repositoryRoot): string[] {
  const paths = existsSync(join(root, ".git")) ? listByGit(root) : walk(root, root);
  return paths.filter((path) => existsSync(join(root, path))).sort();
}

function listByGit(root: string): string[] {
  const argv = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
  const output = execFileSync("git", argv, { cwd: root, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  return [...new Set(output.split("\0").filter((path) => path !== ""))];
}

function walk(root: string, folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return generatedFolders.has(entry.name) ? [] : walk(root, path);
    return [relative(root, path).split(sep).join("/")];
  });
}
