import { posix } from "node:path";
import { scriptsOf } from "../checks/package-file.ts";
import { scriptCallOf, splitCommandLine } from "../test-runners/command-line.ts";
import type { RepositoryTree } from "./repository-tree.ts";

/** A path that a command needs, in one of these places; or a fault that needs no look at paths. */
export type CommandNeed = { readonly paths: readonly string[] } | { readonly fault: string };

type OwnNeed = { readonly path: string } | { readonly fault: string };

const words = (command: string): string[] =>
  [...command.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((found) => found[1] ?? found[2] ?? found[3] ?? "");

const interpreters = new Set([
  "node",
  "tsx",
  "ts-node",
  "deno",
  "bun",
  "python",
  "python3",
  "bash",
  "sh",
  "ruby",
  "php",
]);
const inlineCode = /^(?:-e|-p|-c|-m|--eval|--print)$/;
const isPlaceholder = (text: string): boolean =>
  /[<>{}$*?[\]~]|\.\.\.|…|^https?:|:\/\//.test(text) || text.startsWith("/");
const looksLikeFile = (text: string): boolean => /[\w-]\.\w{1,5}$/.test(text) || text.includes("/");
const scriptsEveryPackageManagerRuns = new Set(["test", "start", "build", "dev", "lint"]);

async function scriptNeed(command: string, folder: string, tree: RepositoryTree): Promise<OwnNeed[]> {
  const call = scriptCallOf(command);
  const isExplicit = /\brun(?:-script)?\s/.test(command);
  if (call === null || isPlaceholder(call.script) || /\s(?:-w|--workspaces?|--prefix|-C)\b/.test(command)) {
    return [];
  }
  if (!isExplicit && !scriptsEveryPackageManagerRuns.has(call.script)) {
    return [];
  }
  const manifest = await tree.packageFile(folder);
  const where = folder === "" ? "package.json" : `${folder}/package.json`;
  if (manifest === null) {
    return [{ fault: `there is no ${where}` }];
  }
  return scriptsOf(manifest)[call.script] === undefined
    ? [{ fault: `${where} has no script ${JSON.stringify(call.script)}` }]
    : [];
}

async function makeNeed(parts: readonly string[], folder: string, tree: RepositoryTree): Promise<OwnNeed[]> {
  const targets = parts
    .slice(1)
    .filter((word) => !word.startsWith("-") && !word.includes("=") && !isPlaceholder(word));
  const name = ["GNUmakefile", "makefile", "Makefile"].find((candidate) =>
    tree.files.has(posix.join(folder, candidate)),
  );
  if (name === undefined) {
    return [{ fault: "there is no Makefile" }];
  }
  const text = (await tree.text(posix.join(folder, name))) ?? "";
  return targets
    .filter(
      (target) =>
        !text
          .split("\n")
          .some(
            (line) =>
              /^[^\s#:=][^:=]*:(?!=)/.test(line) &&
              line.split(":")[0]?.split(/\s+/).includes(target) === true,
          ),
    )
    .map((target) => ({ fault: `${name} has no target ${JSON.stringify(target)}` }));
}

const firstOperand = (rest: readonly string[]): string | undefined =>
  rest.find((word) => !word.startsWith("-"));

const needOf = (path: string | undefined): OwnNeed[] => (path === undefined ? [] : [{ path }]);

function interpreterNeeds(rest: readonly string[]): OwnNeed[] {
  const first = firstOperand(rest);
  const isFile = first !== undefined && looksLikeFile(first) && !rest.some((word) => inlineCode.test(word));
  return isFile ? [{ path: first }] : [];
}

function pathNeeds([name = "", ...rest]: readonly string[]): OwnNeed[] {
  if (name.startsWith("./")) {
    return [{ path: name }];
  }
  if (interpreters.has(name)) {
    return interpreterNeeds(rest);
  }
  if (name === "cp" || name === "cat" || name === "source") {
    return rest.some((word) => /^[<>]/.test(word)) ? [] : needOf(firstOperand(rest));
  }
  if (name === "pip" || name === "pip3") {
    const at = rest.indexOf("-r");
    return at < 0 ? [] : needOf(rest[at + 1]);
  }
  return [];
}

/** Paths that the commands of a document make themselves. */
function madePaths(command: string): string[] {
  const parts = words(command);
  const redirected = [...command.matchAll(/>{1,2}\s*([\w./-]+)/g)].map((found) => found[1] ?? "");
  const isMaker = ["touch", "mkdir", "curl", "wget", "cp", "mv"].includes(parts[0] ?? "");
  return [...redirected, ...(isMaker ? parts.slice(1).filter((word) => !word.startsWith("-")) : [])];
}

export interface CommandFault {
  readonly command: string;
  readonly line: number;
  readonly need: CommandNeed;
}

/** Follows the commands of one document through its folders. */
class CommandReader {
  readonly needs: CommandFault[] = [];
  readonly #made = new Set<string>();
  readonly #tree: RepositoryTree;
  #folder = "";

  constructor(tree: RepositoryTree) {
    this.#tree = tree;
  }

  async read(command: string, line: number): Promise<void> {
    const parts = words(command.replace(/^(?:sudo\s+)?(?:\w+=\S*\s+)*/, ""));
    if (parts[0] === "cd") {
      this.#enter(parts[1] ?? ".");
      return;
    }
    for (const need of await this.#needsOf(command, parts)) {
      this.#add(need, command, line);
    }
    for (const path of madePaths(command)) {
      this.#made.add(path);
    }
  }

  /** A reader may be in the folder entered last or, in a later block, back at the root: what holds in one of them is good. */
  async #needsOf(command: string, parts: readonly string[]): Promise<OwnNeed[]> {
    let found: OwnNeed[] = [];
    for (const folder of new Set([this.#folder, ""])) {
      found =
        parts[0] === "make"
          ? await makeNeed(parts, folder, this.#tree)
          : await scriptNeed(command, folder, this.#tree);
      if (found.length === 0) {
        break;
      }
    }
    return [...found, ...pathNeeds(parts)];
  }

  /** A folder that is not of this repository is its clone on the reader's machine: the root. */
  #enter(path: string): void {
    const next = posix.normalize(posix.join(this.#folder, path));
    this.#folder = this.#tree.has(next) && next !== "." ? next : "";
  }

  #add(need: OwnNeed, command: string, line: number): void {
    if ("fault" in need) {
      this.needs.push({ command, line, need });
    } else if (!isPlaceholder(need.path) && !this.#made.has(need.path)) {
      const places = new Set([posix.join(this.#folder, need.path), posix.normalize(need.path)]);
      this.needs.push({ command, line, need: { paths: [...places] } });
    }
  }
}

/**
 * What a document's commands, in their order, need of the repository: scripts, make targets, files. `cd` is followed.
 * Programs themselves (docker, psql …) are not looked for: a reader's machine is not this one.
 */
export async function commandNeeds(
  commands: readonly { readonly target: string; readonly line: number }[],
  tree: RepositoryTree,
): Promise<readonly CommandFault[]> {
  const reader = new CommandReader(tree);
  for (const { target, line } of commands) {
    for (const { text } of splitCommandLine(target)) {
      await reader.read(text, line);
    }
  }
  return reader.needs;
}
