import { type RawTest, relativeToWorkspace, reportOf, type TestReport } from "./test-report.ts";

/**
 * A reporter for node:test that notes every event with its file, which none of the built-in reporters does. It prints
 * nothing, so the runner's own output stays as it was. Test files run as children of `node --test`; what those start in
 * turn (a suite that tests a test runner) is not this project's suite and is left out.
 */
export const nodeReporterSource = `import { appendFileSync } from "node:fs";
const target = new URL("node-events.ndjson", import.meta.url);
const kept = new Set(["test:start", "test:pass", "test:fail", "test:stderr"]);
const isInner = process.env.NODE_TEST_CONTEXT !== undefined;
const short = (text) => String(text ?? "").slice(0, 4000);
export default async function* report(source) {
  for await (const { type, data } of source) {
    if (isInner || !kept.has(type)) continue;
    const error = data.details?.error;
    const event = { type, file: data.file, name: data.name, nesting: data.nesting, kind: data.details?.type,
      skip: data.skip !== undefined && data.skip !== false, todo: data.todo !== undefined && data.todo !== false };
    if (type === "test:fail") Object.assign(event, { failureType: error?.failureType, message: short(error?.cause?.message ?? error?.message) });
    if (type === "test:stderr") event.message = short(data.message);
    appendFileSync(target, JSON.stringify(event) + "\\n");
  }
}
`;

interface NodeEvent {
  type: string;
  file: string;
  name: string;
  nesting: number;
  isSuite: boolean;
  isSkipped: boolean;
  failureType: string;
  message: string;
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

function parseEvent(line: string): NodeEvent | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null; // a line cut off by a kill
  }
  if (typeof value !== "object" || value === null) {
    return null;
  }
  const event = value as Record<string, unknown>;
  const nesting = event.nesting;
  return {
    type: textOf(event.type),
    file: textOf(event.file),
    name: textOf(event.name),
    nesting: typeof nesting === "number" && nesting >= 0 && nesting < 1_000 ? Math.floor(nesting) : 0,
    isSuite: event.kind === "suite",
    isSkipped: event.skip === true || event.todo === true,
    failureType: textOf(event.failureType),
    message: textOf(event.message),
  };
}

const isFileEntry = (event: NodeEvent): boolean =>
  event.nesting === 0 &&
  event.name !== "" &&
  (event.name === event.file || event.file.endsWith(`/${event.name}`));

/** A suite or a test with subtests fails because of them; it is of interest only when it fails by itself. */
function isCounted(event: NodeEvent, hasChildren: boolean): boolean {
  if (event.isSuite || hasChildren) {
    return event.type === "test:fail" && event.failureType !== "subtestsFailed";
  }
  return true;
}

interface OpenTest {
  readonly name: string;
  hasChildren: boolean;
}

/** Follows the events of one report: which tests are open around the one that ends. */
class NodeEventReader {
  readonly raw: RawTest[] = [];
  readonly #stderr = new Map<string, string>();
  readonly #roots: readonly string[];
  #open: (OpenTest | undefined)[] = [];

  constructor(roots: readonly string[]) {
    this.#roots = roots;
  }

  read(event: NodeEvent): void {
    if (event.type === "test:stderr") {
      this.#stderr.set(event.file, ((this.#stderr.get(event.file) ?? "") + event.message).slice(-4_000));
    } else if (event.type === "test:start") {
      this.#start(event);
    } else if (event.type === "test:pass" || event.type === "test:fail") {
      this.#end(event);
    }
  }

  #start({ nesting, name }: NodeEvent): void {
    this.#open = this.#open.slice(0, nesting);
    const parent = this.#open.at(-1);
    if (parent !== undefined) {
      parent.hasChildren = true;
    }
    this.#open[nesting] = { name, hasChildren: false };
  }

  #end(event: NodeEvent): void {
    if (!isCounted(event, this.#open[event.nesting]?.hasChildren ?? false)) {
      return;
    }
    const parents = this.#open.slice(0, event.nesting).map((entry) => entry?.name ?? "");
    const isFile = isFileEntry(event);
    const isFailed = event.type === "test:fail";
    const status = isFailed ? "failed" : "passed";
    this.raw.push({
      file: relativeToWorkspace(event.file, this.#roots),
      path: isFile ? [] : [...parents, event.name],
      status: event.isSkipped ? "skipped" : status,
      message: isFile && isFailed ? (this.#stderr.get(event.file) ?? event.message) : event.message,
    });
  }
}

/** Reads the events noted by {@link nodeReporterSource}. Never throws; a cut-off file gives what was whole. */
export function parseNodeEvents(ndjson: string, roots: readonly string[]): TestReport {
  const reader = new NodeEventReader(roots);
  for (const line of ndjson.split("\n")) {
    const event = line === "" ? null : parseEvent(line);
    if (event !== null) {
      reader.read(event);
    }
  }
  return reportOf(reader.raw);
}
