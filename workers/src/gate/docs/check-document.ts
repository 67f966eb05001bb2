import { posix } from "node:path";
import { isMarkdown } from "../checks/file-kinds.ts";
import { commandNeeds } from "./command-references.ts";
import { type Reference, readMarkdown } from "./markdown-references.ts";
import type { RepositoryTree } from "./repository-tree.ts";

/** A reference that leads nowhere. `key` is the same on every commit, for comparing with the base. */
export interface BrokenReference {
  readonly kind: Reference["kind"];
  readonly key: string;
  /** For people: `README.md:12 links to docs/none.md, which does not exist`. */
  readonly text: string;
}

export interface DocumentFindings {
  readonly broken: readonly BrokenReference[];
  /** How many references led somewhere. */
  readonly good: Readonly<Record<Reference["kind"], number>>;
  /** Links to other sites are not followed: the gate has no network. */
  readonly externalLinks: number;
}

const isExternal = (target: string): boolean => /^(?:[a-z][a-z0-9+.-]*:|\/\/)/i.test(target);

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The path a link leads to, seen from the root; null when it leaves the repository. */
function resolveLink(document: string, target: string): string | null {
  const plain = decoded(target.split(/[?#]/)[0] ?? "");
  const path = plain.startsWith("/") ? plain.slice(1) : posix.join(posix.dirname(document), plain);
  const normal = posix.normalize(path);
  return normal.startsWith("..") ? null : normal.replace(/^\.\/?$/, "");
}

async function linkFault(
  document: string,
  target: string,
  anchors: ReadonlySet<string>,
  tree: RepositoryTree,
): Promise<string | null> {
  const anchor = decoded(target.split("#")[1] ?? "");
  const isHere = target.startsWith("#");
  const path = isHere ? document : resolveLink(document, target);
  if (path === null) {
    return null;
  }
  if (!isHere && !tree.has(path)) {
    return `links to ${target}, which does not exist`;
  }
  if (anchor === "" || !isMarkdown(path)) {
    return null;
  }
  const known = isHere ? anchors : readMarkdown((await tree.text(path)) ?? "").anchors;
  return known.has(anchor) || known.has(anchor.toLowerCase())
    ? null
    : `links to ${target}, but there is no such heading`;
}

const candidatesOf = (document: string, path: string): string[] =>
  [...new Set([posix.normalize(path), posix.join(posix.dirname(document), path)])].map((candidate) =>
    candidate.replace(/\/$/, ""),
  );

interface Missing extends BrokenReference {
  /** Where the path was looked for. */
  readonly candidates: readonly string[];
}

function missingPath(document: string, { target, line }: Reference, tree: RepositoryTree): Missing | null {
  const candidates = candidatesOf(document, target);
  return candidates.some((path) => path.startsWith("..") || tree.has(path))
    ? null
    : {
        kind: "path",
        key: `${document} path ${target}`,
        text: `${document}:${line} names ${target}, which does not exist`,
        candidates,
      };
}

async function brokenLinks(
  document: string,
  links: readonly Reference[],
  anchors: ReadonlySet<string>,
  tree: RepositoryTree,
): Promise<BrokenReference[]> {
  const broken: BrokenReference[] = [];
  for (const { target, line } of links) {
    const fault = await linkFault(document, target, anchors, tree);
    if (fault !== null) {
      broken.push({ kind: "link", key: `${document} link ${target}`, text: `${document}:${line} ${fault}` });
    }
  }
  return broken;
}

async function badCommands(
  document: string,
  commands: readonly Reference[],
  tree: RepositoryTree,
): Promise<Missing[]> {
  const bad: Missing[] = [];
  for (const { command, line, need } of await commandNeeds(commands, tree)) {
    const paths = "paths" in need ? need.paths : [];
    const fault = "fault" in need ? need.fault : `${paths.at(-1)} does not exist`;
    if (!paths.some((path) => path.startsWith("..") || tree.has(path))) {
      bad.push({
        kind: "command",
        key: `${document} command ${command}`,
        text: `${document}:${line} says \`${command}\`, but ${fault}`,
        candidates: paths,
      });
    }
  }
  return bad;
}

/** Checks one Markdown document of a checkout: its links, the paths in code spans, the commands in shell blocks. */
export async function checkDocument(
  document: string,
  text: string,
  tree: RepositoryTree,
): Promise<DocumentFindings> {
  const { references, anchors } = readMarkdown(text);
  const ofKind = (kind: Reference["kind"]) => references.filter((reference) => reference.kind === kind);
  const external = ofKind("link").filter(({ target }) => isExternal(target));
  const links = ofKind("link").filter(({ target }) => !isExternal(target));
  const missing = [
    ...ofKind("path").flatMap((reference) => missingPath(document, reference, tree) ?? []),
    ...(await badCommands(document, ofKind("command"), tree)),
  ];
  // What git ignores is made by a build, not committed.
  const ignored = await tree.ignored(missing.flatMap(({ candidates }) => candidates));
  const broken = [
    ...(await brokenLinks(document, links, anchors, tree)),
    ...missing
      .filter(({ candidates }) => !candidates.some((path) => ignored.has(path)))
      .map(({ kind, key, text: what }) => ({ kind, key, text: what })),
  ];
  const good = (kind: Reference["kind"], total: number) =>
    Math.max(0, total - broken.filter((reference) => reference.kind === kind).length);
  return {
    broken,
    good: {
      link: good("link", links.length),
      path: good("path", ofKind("path").length),
      command: good("command", ofKind("command").length),
    },
    externalLinks: external.length,
  };
}
