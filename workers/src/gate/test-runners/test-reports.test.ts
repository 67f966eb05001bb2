import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseLcov } from "../coverage/lcov.ts";
import { readMarkdown } from "../docs/markdown-references.ts";
import { parseJsonReport } from "./json-report.ts";
import { parseJunitReport } from "./junit-report.ts";
import { parseNodeEvents } from "./node-report.ts";
import { parseTapReport } from "./tap-report.ts";
import { countTests, plainText, type TestReport } from "./test-report.ts";

const recorded = (name: string): string =>
  readFileSync(new URL(`../testing/recorded/${name}`, import.meta.url), "utf8");
const roots = ["/home/ada/cart"];
const lines = (report: TestReport | null): string[] =>
  report?.tests.map((test) => `${test.status} ${test.id}`) ?? [];

describe("reports of real runners", () => {
  it("reads the events of node:test: suites, subtests, todo, faults of hooks and of whole files", () => {
    const report = parseNodeEvents(recorded("node-events.ndjson"), roots);
    expect(lines(report)).toEqual([
      "failed a.test.js",
      "failed b.test.mjs",
      "passed c.test.mjs",
      "passed d.test.mjs",
      "passed e.test.mjs > same",
      "failed e.test.mjs > same #2",
      "passed e.test.mjs > with ␀  nul",
      "failed e.test.mjs > h",
      "failed skip.test.mjs > hook > never runs",
      "failed skip.test.mjs > hook",
      'passed zcart.test.mjs > cart <&> "x" > adds',
      'failed zcart.test.mjs > cart <&> "x" > fails # hash',
      'skipped zcart.test.mjs > cart <&> "x" > skipped',
      'skipped zcart.test.mjs > cart <&> "x" > todo later',
      'passed zcart.test.mjs > cart <&> "x" > inner > adds',
      "passed zcart.test.mjs > top > sub",
      "failed zcart.test.mjs > top > sub 2 fails",
      "passed zcart.test.mjs > adds",
    ]);
    expect(report.tests[0]).toMatchObject({ file: "a.test.js", isWholeFile: true });
    expect(report.tests[0]?.message).toContain("Cannot find module '/home/ada/cart/none.js'");
    expect(countTests(report)).toEqual({ passed: 8, failed: 8, skipped: 2 });
  });

  it("reads a report of node:test that a kill cut off", () => {
    const whole = recorded("node-events.ndjson");
    const cut = parseNodeEvents(whole.slice(0, whole.length - 120), roots);
    expect(cut.tests.length).toBeGreaterThan(10);
  });

  it("reads Jest's JSON", () => {
    expect(lines(parseJsonReport(recorded("jest.json"), roots))).toEqual([
      "passed test/cart.test.js > cart > adds prices",
      "failed test/cart.test.js > cart > multiplies by quantity",
      "skipped test/cart.test.js > cart > is skipped",
      "skipped test/cart.test.js > cart > is planned",
      "passed test/cart.test.js > cart > inner > nests",
      "passed test/cart.test.js > each 1",
      "passed test/cart.test.js > each 2",
      "failed test/load.test.js",
    ]);
  });

  it("reads Vitest's JSON", () => {
    const report = parseJsonReport(recorded("vitest.json"), roots);
    expect(lines(report)).toEqual([
      "passed src/cart.test.ts > cart > adds",
      "failed src/cart.test.ts > cart > red",
      "skipped src/cart.test.ts > cart > sk",
      "skipped src/cart.test.ts > cart > td",
      "passed src/cart.test.ts > cart > in > x",
      "passed src/cart.test.ts > each 1",
      "passed src/cart.test.ts > each 2",
      "failed src/load.test.ts",
    ]);
    expect(report?.tests.at(-1)?.message).toContain("Cannot find module './none.ts'");
  });

  it("reads pytest's JUnit XML", () => {
    const report = parseJunitReport(recorded("pytest.xml"), roots);
    expect(lines(report)).toEqual([
      "failed tests/test_load.py",
      "passed tests/test_cart.py > test_ok",
      "failed tests/test_cart.py > test_red",
      "skipped tests/test_cart.py > test_skip",
      "skipped tests/test_cart.py > test_xf",
      "passed tests/test_cart.py > test_p[1]",
      "passed tests/test_cart.py > test_p[x y]",
      "passed tests/test_cart.py > TestA > test_in",
      "passed tests/test_cart.py > TestA > TestB > test_in2",
      "passed tests/test_cart.py > U > test_u",
      "failed tests/test_cart.py > test_err",
      "failed tests/test_cart.py > test_td",
      "passed tests/test_total.py > test_total",
    ]);
    expect(report?.tests[2]?.message).toContain("bäd <x>");
  });

  it("reads other JUnit XML by suites and class names, and merges a test reported twice", () => {
    const xml = `<testsuite name="pkg"><testcase classname="Cart" name="adds &amp; &#x263a; &#9786; &#x110000; &bad;"/>
      <testcase classname="Cart" name="twice"/><testcase classname="Cart" name="twice"><error message="teardown"/></testcase>
      <testcase classname="Cart" name="again"><failure/></testcase><testcase classname="Cart" name="again"/></testsuite>`;
    expect(lines(parseJunitReport(xml, []))).toEqual([
      "passed pkg > Cart > adds & ☺ ☺ &#x110000; &bad;",
      "failed pkg > Cart > twice",
      "failed pkg > Cart > again",
    ]);
  });

  it("does not expand entities that a report defines", () => {
    const bomb = `<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><testsuite name="s"><testcase name="&b;"/></testsuite>`;
    expect(JSON.stringify(parseJunitReport(bomb, []))).not.toContain("haha");
  });

  it("reads TAP with subtests", () => {
    const report = parseTapReport(recorded("node.tap"), roots);
    expect(lines(report)).toEqual([
      "failed a.test.js",
      "failed b.test.mjs",
      "passed c.test.mjs",
      "passed d.test.mjs",
      "passed same",
      "failed same #2",
      "passed with ␀ nul",
      "failed h",
      "failed hook > never runs",
      'passed cart <&> "x" > adds',
      'failed cart <&> "x" > fails \\# hash',
      'skipped cart <&> "x" > skipped',
      'skipped cart <&> "x" > todo later',
      'passed cart <&> "x" > inner > adds',
      "passed top > sub",
      "failed top > sub 2 fails",
      "passed adds",
    ]);
  });

  it("reads TAP of other producers: no subtests, no names, directives", () => {
    const tap =
      "TAP version 13\nok 1 - adds\nnot ok 2\nok 3 later # SKIP no network\nnot ok 4 - planned # TODO\n1..4\n";
    expect(lines(parseTapReport(tap, []))).toEqual([
      "passed adds",
      "failed unnamed",
      "skipped later",
      "skipped planned",
    ]);
  });
});

describe("anything else", () => {
  it.each([
    ["JSON", parseJsonReport],
    ["JUnit XML", parseJunitReport],
    ["TAP", parseTapReport],
  ])("is no %s report", (_name, parse) => {
    expect(parse("", roots)).toBeNull();
    expect(parse("npm error", roots)).toBeNull();
    expect(parse('{"a":1}', roots)).toBeNull();
    expect(parse("<html><body/></html>", roots)).toBeNull();
  });

  it("never makes a parser throw", () => {
    const shreds = fc.constantFrom(
      ...'<testsuite |<testcase |name="|"/>|>|</|&#|;|ok 1|not ok|    |# Subtest: |\n|TAP version 13\n|{|}|[|]|"testResults":|"type":"test:start",|"nesting":|9|SF:|DA:1,|LF:|end_of_record\n|```|`|[a](|)|#|<!DOCTYPE|<![CDATA[|<?'.split(
        "|",
      ),
    );
    const text = fc
      .array(fc.oneof(shreds, fc.string({ unit: "binary" })), { maxLength: 60 })
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(text, (sample) => {
        parseJsonReport(sample, roots);
        parseJunitReport(sample, roots);
        parseTapReport(sample, roots);
        parseTapReport(`TAP version 13\n${sample}`, roots);
        parseNodeEvents(sample, roots);
        parseLcov(sample, roots);
        readMarkdown(sample);
      }),
      { numRuns: 500 },
    );
  });

  it("never lets a name break storage: no control characters, no half characters, bounded", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 900 }), (sample) => {
        const text = plainText(sample, 500);
        expect(text.length).toBeLessThanOrEqual(500);
        expect(text.includes("\u0000")).toBe(false);
        expect(Buffer.from(text, "utf8").toString("utf8")).toBe(text);
      }),
    );
  });
});
