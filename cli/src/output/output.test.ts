import { describe, expect, it } from "vitest";
import { recordedOutput } from "../testing/recorded-output.ts";
import { coloredDiff } from "./diff.ts";
import { durationText, elapsedText } from "./duration.ts";
import { createOutput } from "./output.ts";
import { table } from "./table.ts";

describe("createOutput", () => {
  it("writes results to stdout and everything about them to stderr", () => {
    const { output, stdout, stderr } = recordedOutput();
    output.line("result");
    output.line();
    output.json({ a: 1 });
    output.note("meanwhile");
    expect(stdout()).toBe('result\n\n{"a":1}\n');
    expect(stderr()).toBe("meanwhile\n");
  });

  it("draws no colours into a pipe, nor under NO_COLOR", () => {
    const { output } = recordedOutput();
    expect(output.colors.red("x")).toBe("x");
    expect(recordedOutput({ isInteractive: true }).output.colors.red("x")).toBe("x");
  });

  it("draws colours on a terminal, and where FORCE_COLOR asks for them", () => {
    const streams = { stdout: process.stdout, stderr: process.stderr };
    expect(createOutput(streams, { FORCE_COLOR: "1" }).colors.red("x")).toContain("\u001b[");
  });
});

describe("durationText", () => {
  it.each([
    [12.4, "12 ms"],
    [1_250, "1.3 s"],
    [65_000, "1 min 05 s"],
    [7_380_000, "2 h 03 min"],
  ])("says %d ms as %s", (ms, expected) => {
    expect(durationText(ms)).toBe(expected);
  });

  it("counts from one timestamp to another, or to now, and never below zero", () => {
    expect(elapsedText("2026-01-01T00:00:00Z", "2026-01-01T00:00:02Z")).toBe("2.0 s");
    expect(elapsedText("2026-01-01T00:00:00Z", null, new Date("2026-01-01T00:01:00Z"))).toBe("1 min 00 s");
    expect(elapsedText("2026-01-01T00:00:05Z", "2026-01-01T00:00:02Z")).toBe("0 ms");
  });
});

describe("table", () => {
  it("aligns columns and leaves no blanks at the ends of lines", () => {
    expect(
      table(
        ["ID", "TITLE"],
        [
          ["1", "a"],
          ["22", "bb"],
        ],
      ),
    ).toBe("ID  TITLE\n1   a\n22  bb");
  });
});

describe("coloredDiff", () => {
  it("colours additions, deletions, hunks and headers, and takes the file's own escapes out", () => {
    const colors = createOutput(
      { stdout: process.stdout, stderr: process.stderr },
      { FORCE_COLOR: "1" },
    ).colors;
    const drawn = coloredDiff("diff --git a/x b/x\n@@ -1 +1 @@\n-old\n+new\u001b[5m\n same", colors);
    expect(drawn).toBe(
      [
        colors.bold("diff --git a/x b/x"),
        colors.cyan("@@ -1 +1 @@"),
        colors.red("-old"),
        colors.green("+new"),
        " same",
      ].join("\n"),
    );
  });
});
