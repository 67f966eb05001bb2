import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { LockedPackage, Lockfile } from "../complete-lockfile.ts";
import { repositoryRoot } from "../repository-files.ts";

/** A package of the lock file that comes from a registry. */
export interface Dependency {
  /** Its place: `node_modules/…`. */
  readonly place: string;
  readonly name: string;
  readonly version: string;
  readonly locked: LockedPackage;
}

export const readLockfile = (root: string = repositoryRoot): Lockfile =>
  JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as Lockfile;

/** Everything that is not our own. */
export const dependenciesOf = ({ packages }: Lockfile): Dependency[] =>
  Object.entries(packages)
    .filter(([place, { link }]) => place.includes("node_modules/") && link !== true)
    .map(([place, locked]) => ({
      place,
      name: String(locked.name ?? place.split("node_modules/").at(-1)),
      version: locked.version ?? "",
      locked,
    }));

/** Its own `package.json`; undefined when it is not installed here. */
export function manifestOf(root: string, { place }: Dependency): Record<string, unknown> | undefined {
  const path = join(root, place, "package.json");
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>) : undefined;
}

/** For another operating system or processor than this one, and therefore perhaps not here. */
export const isForPlatform = ({ locked }: Dependency): boolean =>
  locked.optional === true ||
  locked.devOptional === true ||
  locked.os !== undefined ||
  locked.cpu !== undefined;
