import { z } from "zod";
import {
  type RawTest,
  relativeToWorkspace,
  reportOf,
  type TestReport,
  type TestStatus,
} from "./test-report.ts";

const testSchema = z.object({
  ancestorTitles: z.array(z.string()).default([]),
  title: z.string(),
  status: z.string(),
  failureMessages: z.array(z.string()).nullish(),
});

const fileSchema = z.object({
  name: z.string(),
  status: z.string().default(""),
  message: z.string().nullish(),
  assertionResults: z.array(testSchema).default([]),
});

const reportSchema = z.object({ testResults: z.array(fileSchema) });

const statusOf = (status: string): TestStatus =>
  status === "passed" ? "passed" : status === "failed" ? "failed" : "skipped";

/** Reads what Jest (`--json`) and Vitest (`--reporter=json`) write. Null when the text is no such report; never throws. */
export function parseJsonReport(text: string, roots: readonly string[]): TestReport | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const parsed = reportSchema.safeParse(value);
  if (!parsed.success) {
    return null;
  }
  const raw: RawTest[] = [];
  for (const entry of parsed.data.testResults) {
    const file = relativeToWorkspace(entry.name, roots);
    for (const test of entry.assertionResults) {
      raw.push({
        file,
        path: [...test.ancestorTitles, test.title],
        status: statusOf(test.status),
        message: test.failureMessages?.[0] ?? "",
      });
    }
    if (entry.assertionResults.length === 0 && entry.status === "failed") {
      raw.push({ file, path: [], status: "failed", message: entry.message ?? "" });
    }
  }
  return reportOf(raw);
}
