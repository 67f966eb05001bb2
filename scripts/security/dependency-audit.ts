import { spawnSync } from "node:child_process";
import { z } from "zod";
import { repositoryRoot } from "../repository-files.ts";
import { type CheckResult, resultOf } from "./finding.ts";

const severities = ["info", "low", "moderate", "high", "critical"] as const;
const failing = new Set<string>(["high", "critical"]);

const reportSchema = z.object({
  auditReportVersion: z.literal(2),
  vulnerabilities: z.record(
    z.string(),
    z.object({ name: z.string(), severity: z.enum(severities), range: z.string(), isDirect: z.boolean() }),
  ),
});

/**
 * What `npm audit --json` said. Anything but a report means that nobody looked: the service could not be reached, or refused; that is
 * never taken for "nothing found".
 */
export function readAudit(output: string): CheckResult {
  let value: unknown;
  try {
    value = JSON.parse(output);
  } catch {
    value = undefined;
  }
  const { data } = reportSchema.safeParse(value);
  if (data === undefined) {
    const told =
      z.object({ message: z.string() }).safeParse(value).data?.message ?? "npm audit gave no report";
    return { status: "SKIPPED", detail: `the advisory service did not answer: ${told}`, findings: [] };
  }
  const all = Object.values(data.vulnerabilities);
  const findings = all
    .filter(({ severity }) => failing.has(severity))
    .map(({ name, severity, range }) => `${name} ${range}: ${severity}`);
  return resultOf(`${all.length} advisories, ${findings.length} of them high or critical`, findings);
}

/** Asks the advisory service of the registry about everything that is locked. */
export function checkDependencyAudit(root: string = repositoryRoot): CheckResult {
  const { stdout } = spawnSync("npm", ["audit", "--json"], {
    cwd: root,
    encoding: "utf8",
    timeout: 60_000,
    maxBuffer: 64 * 1_024 * 1_024,
  });
  return readAudit(stdout ?? "");
}
