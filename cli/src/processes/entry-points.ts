import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { AppError } from "@agentvine/kit";

/** Absolute paths of the programs that the command line starts as processes of their own. */
export interface EntryPoints {
  backend: string;
  worker: string;
  executor: string;
  relay: string;
  controller: string;
}

const programs: EntryPoints = {
  backend: "backend/dist/main.js",
  worker: "workers/dist/main.js",
  executor: "workers/dist/executor-main.js",
  relay: "workers/dist/relay-main.js",
  controller: "controller/dist/main.js",
};

/**
 * Finds the compiled programs. A checkout and the installed package have the same layout: the cli's folder lies beside
 * the folders of the other programs. `cliFolder` is the cli's own folder, by default the one this module belongs to.
 * Throws `config.invalid` naming every program that is missing.
 */
export function resolveEntryPoints(cliFolder: string = ownFolder()): EntryPoints {
  const root = dirname(cliFolder);
  const entryPoints: EntryPoints = {
    backend: join(root, programs.backend),
    worker: join(root, programs.worker),
    executor: join(root, programs.executor),
    relay: join(root, programs.relay),
    controller: join(root, programs.controller),
  };
  const missing = Object.values(entryPoints).filter((path) => !existsSync(path));
  if (missing.length > 0) {
    throw new AppError(
      "config.invalid",
      `programs are missing, build or install again: ${missing.join(", ")}`,
    );
  }
  return entryPoints;
}

/** `cli/`, seen from `cli/src/processes/` as well as from `cli/dist/processes/`. */
function ownFolder(): string {
  return fileURLToPath(new URL("../..", import.meta.url)).replace(/[/\\]$/, "");
}
