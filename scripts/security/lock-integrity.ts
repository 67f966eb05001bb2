import type { Lockfile } from "../complete-lockfile.ts";
import { dependenciesOf, isForPlatform, readLockfile } from "./dependencies.ts";
import { type CheckResult, resultOf } from "./finding.ts";

const strong = /^sha512-[A-Za-z0-9+/]{86}==$/;

/** What in the lock file is not held to its bytes. */
export function checkLockIntegrity(lockfile: Lockfile = readLockfile()): CheckResult {
  const dependencies = dependenciesOf(lockfile);
  const bare = dependencies.filter(({ locked }) => locked.integrity === undefined);
  const findings = [
    ...bare
      .filter((dependency) => !isForPlatform(dependency))
      .map(
        ({ name, version }) =>
          `${name} ${version} has no integrity: anything could be installed in its place`,
      ),
    ...dependencies
      .filter(({ locked }) => locked.integrity !== undefined && !strong.test(String(locked.integrity)))
      .map(({ name, version }) => `${name} ${version}: its integrity is no SHA-512`),
  ];
  return resultOf(
    `${dependencies.length - bare.length} packages; ${bare.length} for platforms that the registry did not serve have none`,
    findings,
  );
}
