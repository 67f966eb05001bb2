import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Lockfile } from "../complete-lockfile.ts";
import { listRepositoryFiles, repositoryRoot } from "../repository-files.ts";
import { listWorkspaces } from "../stage-package.ts";
import { type Dependency, dependenciesOf, manifestOf, readLockfile } from "./dependencies.ts";
import { type CheckResult, resultOf } from "./finding.ts";
import { licenceOf } from "./licences.ts";

// Made here, of the lock file: `npm sbom --omit dev` leaves out packages that are shipped when something else needs them for development.

interface Shipped extends Dependency {
  /** Places of what it depends on. */
  readonly dependsOn: readonly string[];
}

/** Node's look-up: the nearest `node_modules` on the way from a place up to the root. */
function placeOf({ packages }: Lockfile, from: string, name: string): string | undefined {
  for (let folder = from; ; ) {
    const place = folder === "" ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (packages[place] !== undefined) return place;
    if (folder === "") return undefined;
    const end = folder.lastIndexOf("/node_modules/");
    folder = end === -1 ? "" : folder.slice(0, end);
  }
}

/** Everything that the given workspaces need to run, and what that needs in turn; peers too, for they are installed with it. */
export function findShipped(lockfile: Lockfile, workspaces: readonly string[]): Shipped[] {
  const all = new Map(dependenciesOf(lockfile).map((dependency) => [dependency.place, dependency]));
  const shipped = new Map<string, Shipped>();
  const neededBy = (place: string): string[] => {
    const { dependencies, optionalDependencies, peerDependencies } = (lockfile.packages[place] ??
      {}) as Record<string, Record<string, string> | undefined>;
    const names = Object.keys({ ...peerDependencies, ...optionalDependencies, ...dependencies });
    return names.flatMap((name) => {
      const found = placeOf(lockfile, place, name);
      return found === undefined || !all.has(found) ? [] : [found];
    });
  };
  const waiting = workspaces.flatMap((workspace) => neededBy(workspace));
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    const dependency = all.get(place);
    if (dependency === undefined || shipped.has(place)) continue;
    const dependsOn = neededBy(place);
    shipped.set(place, { ...dependency, dependsOn });
    waiting.push(...dependsOn);
  }
  return [...shipped.values()].toSorted((a, b) => (a.place < b.place ? -1 : 1));
}

const purlOf = ({ name, version }: Pick<Dependency, "name" | "version">): string =>
  `pkg:npm/${name.replace("@", "%40")}@${version}`;

const hexOf = (integrity: unknown): string =>
  Buffer.from(String(integrity).replace(/^sha512-/, ""), "base64").toString("hex");

/** The bill of materials of what is shipped, as CycloneDX. */
export function makeSbom(root: string, lockfile: Lockfile, workspaces: readonly string[]) {
  const shipped = findShipped(lockfile, workspaces);
  const { name, version } = JSON.parse(readFileSync(join(root, "cli/package.json"), "utf8")) as {
    name: string;
    version: string;
  };
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${randomUUID()}`,
    version: 1,
    metadata: {
      timestamp: new Date().toISOString(),
      component: {
        type: "application",
        "bom-ref": "agentvine",
        name: name.replace("@agentvine/cli", "agentvine"),
        version,
      },
    },
    components: shipped.map((one) => {
      const licence = licenceOf(manifestOf(root, one)) ?? one.locked.license;
      const { integrity } = one.locked;
      return {
        type: "library",
        "bom-ref": one.place,
        name: one.name,
        version: one.version,
        purl: purlOf(one),
        ...(typeof licence === "string" ? { licenses: [{ expression: licence }] } : {}),
        ...(integrity === undefined ? {} : { hashes: [{ alg: "SHA-512", content: hexOf(integrity) }] }),
      };
    }),
    dependencies: shipped.map(({ place, dependsOn }) => ({ ref: place, dependsOn: [...new Set(dependsOn)] })),
  };
}

const componentSchema = z.strictObject({
  type: z.literal("library"),
  "bom-ref": z.string().min(1),
  name: z.string().min(1),
  version: z.string().min(1),
  purl: z.string().regex(/^pkg:npm\/(%40[^@/]+\/)?[^@/]+@[^@/]+$/),
  licenses: z
    .array(z.strictObject({ expression: z.string().min(1) }))
    .length(1)
    .optional(),
  hashes: z
    .array(z.strictObject({ alg: z.literal("SHA-512"), content: z.string().regex(/^[0-9a-f]{128}$/) }))
    .optional(),
});

/** The part of CycloneDX that we write. */
const sbomSchema = z.strictObject({
  bomFormat: z.literal("CycloneDX"),
  specVersion: z.literal("1.6"),
  serialNumber: z.string().regex(/^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
  version: z.literal(1),
  metadata: z.strictObject({
    timestamp: z.iso.datetime(),
    component: z.strictObject({
      type: z.literal("application"),
      ...{ "bom-ref": z.string(), name: z.string(), version: z.string() },
    }),
  }),
  components: z.array(componentSchema).min(1),
  dependencies: z.array(z.strictObject({ ref: z.string(), dependsOn: z.array(z.string()) })),
});

/** What is wrong with a bill of materials that should name these packages; empty when it can be relied on. */
export function findSbomFaults(value: unknown, names: readonly string[]): string[] {
  const { data, error } = sbomSchema.safeParse(value);
  if (data === undefined) return error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  const refs = new Set(data.components.map((component) => component["bom-ref"]));
  const named = new Set(data.components.map(({ name }) => name));
  return [
    ...(refs.size === data.components.length ? [] : ["two components share one bom-ref"]),
    ...names.filter((name) => !named.has(name)).map((name) => `${name} is shipped and not named`),
    ...data.dependencies
      .flatMap(({ ref, dependsOn }) => [ref, ...dependsOn])
      .filter((ref) => !refs.has(ref))
      .map((ref) => `${ref} is depended upon and not named`),
  ];
}

/** What the manifests of the workspaces ask for, by itself: the bill is held against it. */
function namesAskedFor(root: string, workspaces: readonly string[]): string[] {
  const names = workspaces.flatMap((workspace) => {
    const text = readFileSync(join(root, workspace, "package.json"), "utf8");
    const { dependencies = {} } = JSON.parse(text) as { dependencies?: Record<string, string> };
    return Object.keys(dependencies).filter((name) => !name.startsWith("@agentvine/"));
  });
  return [...new Set(names)];
}

/** Where it is written to, below the root. */
const sbomPath = ".cache/sbom.cdx.json";

/** Writes the bill of materials of what is shipped, and looks whether it names everything. */
export function checkSbom(root: string = repositoryRoot): CheckResult {
  const workspaces = listWorkspaces(listRepositoryFiles(root));
  const sbom = makeSbom(root, readLockfile(root), workspaces);
  mkdirSync(join(root, ".cache"), { recursive: true });
  writeFileSync(join(root, sbomPath), `${JSON.stringify(sbom, null, 2)}\n`);
  const written: unknown = JSON.parse(readFileSync(join(root, sbomPath), "utf8"));
  return resultOf(
    `${sbom.components.length} packages in ${sbomPath}`,
    findSbomFaults(written, namesAskedFor(root, workspaces)),
  );
}
