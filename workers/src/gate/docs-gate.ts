import type { Evidence } from "@agentvine/contracts";
import type { GateInput } from "../specialized/recipe.ts";
import { checkHandIn } from "./checks/check-hand-in.ts";
import { countOf, isDocumentation, isMarkdown, listShort } from "./checks/file-kinds.ts";
import { type BrokenReference, checkDocument } from "./docs/check-document.ts";
import { type RepositoryTree, readTree } from "./docs/repository-tree.ts";
import { GateRecord } from "./gate-record.ts";
import { Checkouts } from "./judge-tests.ts";

const isReadme = (path: string): boolean => /^readme(?:\.\w+)?$/i.test(path);
const readmeLengthMin = 120;

function checkOnlyDocs(input: GateInput, record: GateRecord): void {
  const others = input.files.map((file) => file.path).filter((path) => !isDocumentation(path));
  if (others.length === 0) {
    record.passed("only documentation changed", "Only documentation was changed.");
  } else {
    record.failed(
      "only documentation changed",
      `Only documentation may be changed in this task, but ${countOf(others.length, "other file")} changed: ${listShort(others)}.`,
    );
  }
}

async function checkReadme(base: RepositoryTree, result: RepositoryTree, record: GateRecord): Promise<void> {
  const had = [...base.files].some(isReadme);
  const name = [...result.files].find(isReadme);
  if (name === undefined) {
    record.failed("README", had ? "The README was removed." : "There is no README, and none was written.");
    return;
  }
  const text = ((await result.text(name)) ?? "").trim();
  const isMeagre = text.length < readmeLengthMin || (isMarkdown(name) && !/^#|^[=-]{3,}$|<h1/m.test(text));
  if (text === "") {
    record.failed("README", `${name} is empty.`);
  } else if (!had && isMeagre) {
    record.failed(
      "README",
      `${name} says too little: it needs a title, what the project is, and how to use it.`,
    );
  } else {
    record.passed("README", had ? `${name} is there.` : `${name} was written where none existed.`);
  }
}

/** Changed documents; when documents went away or moved, all of them, because others may have pointed there. */
function documentsToCheck(input: GateInput, tree: RepositoryTree): string[] {
  const isGone = input.files.some((file) => file.status === "deleted" || file.status === "renamed");
  const changed = new Set(input.files.map((file) => file.path));
  return [...tree.files].filter((path) => isMarkdown(path) && (isGone || changed.has(path))).slice(0, 500);
}

async function findBroken(documents: readonly string[], tree: RepositoryTree) {
  const broken: BrokenReference[] = [];
  const good = { link: 0, path: 0, command: 0 };
  let externalLinks = 0;
  for (const document of documents) {
    const findings = await checkDocument(document, (await tree.text(document)) ?? "", tree);
    broken.push(...findings.broken);
    good.link += findings.good.link;
    good.path += findings.good.path;
    good.command += findings.good.command;
    externalLinks += findings.externalLinks;
  }
  return { broken, good, externalLinks };
}

const kinds = [
  { kind: "link", name: "links", one: "link" },
  { kind: "path", name: "referenced paths", one: "referenced path" },
  { kind: "command", name: "commands", one: "command" },
] as const;

async function checkReferences(
  input: GateInput,
  base: RepositoryTree,
  result: RepositoryTree,
  record: GateRecord,
): Promise<string> {
  const documents = documentsToCheck(input, result);
  const { broken, good, externalLinks } = await findBroken(documents, result);
  const before = broken.length === 0 ? [] : (await findBroken(documents, base)).broken;
  const known = new Set(before.map((reference) => reference.key));
  const fresh = broken.filter((reference) => !known.has(reference.key));
  for (const { kind, name, one } of kinds) {
    const bad = fresh.filter((reference) => reference.kind === kind);
    const external =
      kind === "link" && externalLinks > 0
        ? ` ${countOf(externalLinks, "link")} to other sites not followed.`
        : "";
    if (bad.length > 0) {
      record.failed(
        name,
        `${countOf(bad.length, one)} led nowhere: ${bad
          .slice(0, 5)
          .map(({ text }) => text)
          .join("; ")}.`,
      );
    } else {
      record.passed(name, `${countOf(good[kind], one)} checked, none is broken.${external}`);
    }
  }
  const old = broken.length - fresh.length;
  if (old > 0) {
    record.skipped(
      "older references",
      `${countOf(old, "reference")} led nowhere at the base already: not counted.`,
    );
  }
  return `${countOf(good.link, "link")}, ${countOf(good.path, "path")} and ${countOf(good.command, "command")} checked`;
}

/** `docs`: only documentation changed; links, referenced paths and commands exist; a README where none existed. */
export async function docsGate(input: GateInput): Promise<Evidence> {
  const record = new GateRecord(input);
  if (!checkHandIn(input, record)) {
    return record.evidence("");
  }
  checkOnlyDocs(input, record);
  const checkouts = new Checkouts(input, record);
  try {
    const resultCheckout = await checkouts.result();
    const baseCheckout = await checkouts.base();
    if (resultCheckout === null || baseCheckout === null) {
      return record.evidence("");
    }
    const { sandbox } = resultCheckout;
    record.environment({ sandbox: sandbox.isConfined ? sandbox.driver : `${sandbox.driver} (not confined)` });
    const result = await readTree(sandbox, input.signal);
    const base = await readTree(baseCheckout.sandbox, input.signal);
    await checkReadme(base, result, record);
    const checked = await checkReferences(input, base, result, record);
    return record.evidence(`Only documentation changed; ${checked}, none leads nowhere.`);
  } finally {
    await checkouts.close();
  }
}
