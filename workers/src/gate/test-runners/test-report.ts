/** How one test came out. `skipped` also stands for todo and for expected failures. */
export type TestStatus = "passed" | "failed" | "skipped";

export interface TestResult {
  /** `file > suite > name`, the same on every commit. */
  readonly id: string;
  /** Path of the test file, relative to the workspace where the runner tells it; empty when unknown. */
  readonly file: string;
  readonly status: TestStatus;
  /** The failure's own words, shortened; empty otherwise. */
  readonly message: string;
  /** True for the file as a whole: it could not be loaded, or it holds no test of its own. */
  readonly isWholeFile: boolean;
}

export interface TestReport {
  readonly tests: readonly TestResult[];
}

export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const idLengthMax = 500;
const messageLengthMax = 2_000;

/** Makes text safe to store and to show: no control characters, no broken surrogates, bounded. */
export function plainText(text: string, lengthMax: number): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  const visible = text.replace(/[\u0000-\u001f\u007f]+/g, " ").trim();
  const wellFormed = Buffer.from(visible, "utf8").toString("utf8");
  return wellFormed.length <= lengthMax ? wellFormed : `${wellFormed.slice(0, lengthMax - 1)}…`;
}

/** `file > suite > name`; empty parts are left out. */
function testId(file: string, path: readonly string[]): string {
  return plainText([file, ...path].filter((part) => part !== "").join(" > "), idLengthMax);
}

/** The path as seen from the workspace's root. `roots` are the names under which the workspace is known. */
export function relativeToWorkspace(path: string, roots: readonly string[]): string {
  const plain = path.replace(/^file:\/\//, "");
  const root = roots.find((candidate) => candidate !== "" && plain.startsWith(`${candidate}/`));
  return root === undefined ? plain.replace(/^\.\//, "") : plain.slice(root.length + 1);
}

export interface RawTest {
  readonly file: string;
  readonly path: readonly string[];
  readonly status: TestStatus;
  readonly message?: string;
}

/** Gives every test its id. Tests of the same name in one file are told apart by their order. */
export function reportOf(raw: readonly RawTest[]): TestReport {
  const seen = new Map<string, number>();
  const tests = raw.map(({ file, path, status, message = "" }): TestResult => {
    const id = testId(file, path);
    const count = (seen.get(id) ?? 0) + 1;
    seen.set(id, count);
    return {
      id: count === 1 ? id : `${id} #${count}`,
      file,
      status,
      message: plainText(message, messageLengthMax),
      isWholeFile: path.length === 0,
    };
  });
  return { tests };
}

export function countTests(report: TestReport): TestCounts {
  const count = (status: TestStatus) => report.tests.filter((test) => test.status === status).length;
  return { passed: count("passed"), failed: count("failed"), skipped: count("skipped") };
}
