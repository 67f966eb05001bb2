// `npm run check:security`: what can be said about the safety of the tree without running it. Every check runs, whatever the others found;
// the end says which ran, which found something and which could not run. A check that could not run is SKIPPED, and never counts as green.
//
// How: `npm run check:security`, or `npx tsx scripts/check-security.ts <check>…` for single ones.
import { checkDependencyAudit } from "./security/dependency-audit.ts";
import type { CheckResult } from "./security/finding.ts";
import { checkLicences } from "./security/licences.ts";
import { checkLockIntegrity } from "./security/lock-integrity.ts";
import { checkOpenApi } from "./security/openapi-lint.ts";
import { checkSbom } from "./security/sbom.ts";
import { checkSecrets } from "./security/secret-scan.ts";
import { checkStaticRules } from "./security/static-check.ts";

const checks: Record<string, () => CheckResult | Promise<CheckResult>> = {
  "static rules": () => checkStaticRules(),
  "lock file": () => checkLockIntegrity(),
  licences: () => checkLicences(),
  "bill of materials": () => checkSbom(),
  openapi: () => checkOpenApi(),
  "dependency audit": () => checkDependencyAudit(),
  secrets: () => checkSecrets(),
};

async function run(wanted: readonly string[]): Promise<number> {
  const unknown = wanted.filter((name) => checks[name] === undefined);
  if (unknown.length > 0) {
    console.error(`no such check: ${unknown.join(", ")}; checks: ${Object.keys(checks).join(", ")}`);
    return 2;
  }
  const results: [name: string, result: CheckResult][] = [];
  for (const [name, check] of Object.entries(checks).filter(
    ([one]) => wanted.length === 0 || wanted.includes(one),
  )) {
    const startedAt = performance.now();
    const result = await check();
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    results.push([name, result]);
    console.log(`${result.status.padEnd(8)} ${name.padEnd(18)} ${`${seconds} s`.padEnd(8)} ${result.detail}`);
    for (const finding of result.findings) console.error(`  ${finding}`);
  }
  const named = (status: CheckResult["status"]) =>
    results.filter(([, result]) => result.status === status).map(([name]) => name);
  const [failed, skipped] = [named("FAILED"), named("SKIPPED")];
  console.log(`security: ${named("ok").length} of ${results.length} checks ran and found nothing`);
  if (skipped.length > 0) console.log(`SKIPPED, so nothing is known about: ${skipped.join(", ")}`);
  if (failed.length > 0) console.error(`FAILED: ${failed.join(", ")}`);
  return failed.length === 0 ? 0 : 1;
}

process.exitCode = await run(process.argv.slice(2));
