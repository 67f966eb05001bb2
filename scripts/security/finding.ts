/** What a security check came to. A check that could not run is neither: it says so. */
export interface CheckResult {
  readonly status: "ok" | "FAILED" | "SKIPPED";
  /** In a few words: what was looked at, or why it could not be. */
  readonly detail: string;
  /** What is wrong, a line each. */
  readonly findings: readonly string[];
}

/** Failed when there is anything to tell. */
export const resultOf = (detail: string, findings: readonly string[]): CheckResult => ({
  status: findings.length === 0 ? "ok" : "FAILED",
  detail,
  findings,
});
