import type { Evidence } from "@agentvine/contracts";
import { countOf } from "./checks/file-kinds.ts";

const percent = (value: number | null): string => (value === null ? "0 %" : `${value.toFixed(1)} %`);

function successParts({ tests, coverage }: Evidence): string[] {
  const parts: string[] = [];
  const [first, ...others] = tests?.redToGreen ?? [];
  if (first !== undefined) {
    parts.push(`${first}${others.length > 0 ? ` (and ${others.length} more)` : ""}: red at base, green now`);
  } else if (tests !== null && tests.added.length > 0) {
    parts.push(`${countOf(tests.added.length, "test")} added`);
  }
  if (coverage !== null && coverage.afterPercent !== null) {
    parts.push(`coverage ${percent(coverage.beforePercent)} → ${percent(coverage.afterPercent)}`);
  }
  return parts;
}

/** One line for tables: what was shown, or why it was refused. */
export function evidenceSummary(evidence: Evidence): string {
  if (evidence.verification !== "passed") {
    const word = evidence.verification === "failed" ? "refused" : "unverified";
    return `${word}: ${evidence.reason}`;
  }
  const parts = successParts(evidence);
  return parts.length > 0 ? parts.join("; ") : evidence.reason;
}
