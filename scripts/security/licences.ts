import { repositoryRoot } from "../repository-files.ts";
import { type Dependency, dependenciesOf, isForPlatform, manifestOf, readLockfile } from "./dependencies.ts";
import { type CheckResult, resultOf } from "./finding.ts";

/** Licences that ask for nothing but to be named. */
const allowed = new Set([
  ...["MIT", "MIT-0", "ISC", "0BSD", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "BlueOak-1.0.0"],
  ...["Unlicense", "CC0-1.0", "Zlib", "Python-2.0", "PSF-2.0"],
]);

/** Packages under another licence that we take all the same. A version is not named: the licence and the reason are what counts. */
const exceptions: Readonly<Record<string, { licence: string; reason: string }>> = {
  lightningcss: {
    licence: "MPL-2.0",
    reason: "a build tool that vite brings; unchanged, never shipped, and the MPL covers its own files alone",
  },
  binaryextensions: { licence: "Artistic-2.0", reason: "a check's tool; unchanged and never shipped" },
  editions: { licence: "Artistic-2.0", reason: "a check's tool; unchanged and never shipped" },
  istextorbinary: { licence: "Artistic-2.0", reason: "a check's tool; unchanged and never shipped" },
  textextensions: { licence: "Artistic-2.0", reason: "a check's tool; unchanged and never shipped" },
  "version-range": { licence: "Artistic-2.0", reason: "a check's tool; unchanged and never shipped" },
};

/** Packages of one project for different platforms stand under the name of that project. */
const projectOf = (name: string): string => (name.startsWith("lightningcss-") ? "lightningcss" : name);

/** Whether an SPDX expression can be satisfied: one side of each OR, both sides of each AND. */
export function isAllowed(expression: string): boolean {
  const text = expression.trim().replace(/^\((.*)\)$/, "$1");
  if (/[()]/.test(text)) return false;
  const parts = text.split(/ OR /);
  return parts.some((part) => part.split(/ AND /).every((licence) => allowed.has(licence.trim())));
}

/** What a manifest says; older ones say it as a list of objects. */
export function licenceOf(manifest: Record<string, unknown> | undefined): string | undefined {
  const { license, licenses } = manifest ?? {};
  if (typeof license === "string") return license;
  const list = Array.isArray(licenses) ? licenses : Array.isArray(license) ? license : [];
  const types = list
    .map((one: unknown) => (one as { type?: unknown }).type)
    .filter((one) => typeof one === "string");
  return types.length === 0 ? undefined : types.join(" OR ");
}

function problemOf(dependency: Dependency, licence: string | undefined): string | undefined {
  const { name, version } = dependency;
  if (licence === undefined) return `${name} ${version} names no licence`;
  if (isAllowed(licence)) return undefined;
  const exception = exceptions[projectOf(name)];
  return exception?.licence === licence ? undefined : `${name} ${version}: ${licence} is on no list of ours`;
}

interface Looked {
  readonly findings: string[];
  /** Exceptions that were needed. */
  readonly used: Set<string>;
  /** Packages for other platforms that no registry here serves: the same releases as those that are looked at. */
  unknown: number;
}

function look(root: string, dependency: Dependency, looked: Looked): void {
  const locked = dependency.locked.license;
  const licence =
    licenceOf(manifestOf(root, dependency)) ?? (typeof locked === "string" ? locked : undefined);
  if (licence === undefined && isForPlatform(dependency)) {
    looked.unknown += 1;
    return;
  }
  const problem = problemOf(dependency, licence);
  if (problem !== undefined) looked.findings.push(problem);
  else if (licence !== undefined && !isAllowed(licence)) looked.used.add(projectOf(dependency.name));
}

/** Looks at the licence of every package that is installed or locked. */
export function checkLicences(root: string = repositoryRoot): CheckResult {
  const looked: Looked = { findings: [], used: new Set(), unknown: 0 };
  const dependencies = dependenciesOf(readLockfile(root));
  for (const dependency of dependencies) look(root, dependency, looked);
  const { findings, used, unknown } = looked;
  const unused = Object.keys(exceptions).filter((name) => !used.has(name));
  return resultOf(
    `${dependencies.length} packages, ${used.size} exceptions, ${unknown} for other platforms not looked at`,
    [
      ...findings,
      ...unused.map((name) => `${name} is not used any more: take it off the list of exceptions`),
    ],
  );
}
