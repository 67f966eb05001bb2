import { XMLParser } from "fast-xml-parser";
import { type RawTest, relativeToWorkspace, reportOf, type TestReport } from "./test-report.ts";

type XmlNode = Record<string, unknown>;

const repeated = new Set(["testsuites", "testsuite", "testcase", "failure", "error", "skipped"]);

// Entities stay off: a report may define its own and blow up.
const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: "@",
  parseTagValue: false,
  parseAttributeValue: false,
  processEntities: false,
  isArray: (name) => repeated.has(name),
});

const namedEntities: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

function decode(text: string): string {
  return text.replace(
    /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(lt|gt|quot|apos|amp));/gi,
    (all, decimal, hex, name) => {
      if (name !== undefined) {
        return namedEntities[String(name).toLowerCase()] ?? all;
      }
      const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
      return code <= 0x10ffff ? String.fromCodePoint(code) : all;
    },
  );
}

const isNode = (value: unknown): value is XmlNode =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const childrenOf = (node: XmlNode, name: string): XmlNode[] => {
  const value = node[name];
  return Array.isArray(value) ? value.map((child) => (isNode(child) ? child : { "#text": child })) : [];
};

const attribute = (node: XmlNode, name: string): string => {
  const value = node[`@${name}`];
  return typeof value === "string" ? decode(value) : "";
};

const textOf = (node: XmlNode | undefined): string =>
  node === undefined
    ? ""
    : [attribute(node, "message"), decode(String(node["#text"] ?? ""))]
        .filter((part) => part !== "")
        .join("\n");

/** pytest names a test's classes in `classname`, behind the dotted path of its file. */
function suitesOf(classname: string, file: string): string[] {
  const dotted = file.replace(/\.py$/, "").replaceAll("/", ".");
  if (classname === dotted || classname === "") {
    return [];
  }
  return classname.startsWith(`${dotted}.`) ? classname.slice(dotted.length + 1).split(".") : [classname];
}

/** pytest reports a file it could not load as a test that bears the module's name. */
const isLoadFailure = (testcase: XmlNode): boolean =>
  childrenOf(testcase, "error").some((error) => attribute(error, "message") === "collection failure") ||
  childrenOf(testcase, "skipped").some((skip) => attribute(skip, "message") === "collection skipped");

function rawTest(testcase: XmlNode, suites: readonly string[], roots: readonly string[]): RawTest {
  const dottedModule = attribute(testcase, "name");
  const isWhole = isLoadFailure(testcase);
  const named = attribute(testcase, "file");
  const file = relativeToWorkspace(
    named === "" && isWhole ? `${dottedModule.replaceAll(".", "/")}.py` : named,
    roots,
  );
  const classname = attribute(testcase, "classname");
  const path =
    file === "" ? [...suites, classname, dottedModule] : [...suitesOf(classname, file), dottedModule];
  const faults = [...childrenOf(testcase, "failure"), ...childrenOf(testcase, "error")];
  const isSkipped = childrenOf(testcase, "skipped").length > 0;
  return {
    file,
    path: isWhole ? [] : path,
    status: faults.length > 0 ? "failed" : isSkipped ? "skipped" : "passed",
    message: textOf(faults[0]),
  };
}

function collect(node: XmlNode, suites: readonly string[], roots: readonly string[], into: RawTest[]): void {
  for (const testcase of childrenOf(node, "testcase")) {
    into.push(rawTest(testcase, suites, roots));
  }
  for (const suite of childrenOf(node, "testsuite")) {
    collect(suite, [...suites, attribute(suite, "name")], roots, into);
  }
}

/** A failing teardown makes pytest report its test twice: once passed, once as an error. The error counts. */
function mergeRepeated(raw: readonly RawTest[]): RawTest[] {
  const merged: RawTest[] = [];
  for (const test of raw) {
    const last = merged.at(-1);
    if (last !== undefined && last.file === test.file && last.path.join("\n") === test.path.join("\n")) {
      merged[merged.length - 1] = test.status === "failed" ? test : last;
    } else {
      merged.push(test);
    }
  }
  return merged;
}

/** Reads JUnit XML as pytest writes it (`xunit1`) and as others do. Null when the text is no such report; never throws. */
export function parseJunitReport(xml: string, roots: readonly string[]): TestReport | null {
  let document: unknown;
  try {
    document = parser.parse(xml);
  } catch {
    return null;
  }
  if (!isNode(document) || (document.testsuites === undefined && document.testsuite === undefined)) {
    return null;
  }
  const raw: RawTest[] = [];
  for (const root of childrenOf(document, "testsuites")) {
    collect(root, [], roots, raw);
  }
  collect(document, [], roots, raw);
  return reportOf(mergeRepeated(raw));
}
