import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tempDir } from "@agentvine/testkit";
import { describe, expect, test } from "vitest";
import type { Lockfile } from "../complete-lockfile.ts";
import { readAudit } from "./dependency-audit.ts";
import { isAllowed, licenceOf } from "./licences.ts";
import { checkLockIntegrity } from "./lock-integrity.ts";
import { lintOpenApi } from "./openapi-lint.ts";
import { findSbomFaults, findShipped, makeSbom } from "./sbom.ts";
import { findSecrets } from "./secret-scan.ts";
import { findBluntRules, findViolations } from "./static-check.ts";
import { staticRules } from "./static-rules.ts";

const random = (length: number) => randomBytes(length).toString("base64url").slice(0, length);

describe("the secret scan", () => {
  test.each([
    ["an API key", () => `avk_${random(43)}`],
    ["the local token", () => `avl_${random(43)}`],
    ["the token of an attempt", () => `avt_0190b8a0-0000-7000-8000-000000000000.12.${random(43)}`],
    ["a refresh token", () => `avr_${random(43)}`],
    ["the token of a controller's lease", () => `avr_${random(32)}`],
    ["a one-time link", () => `https://vine.example.org/join#token=avo_${random(43)}`],
    ["the signing secret of a webhook", () => `avw_${random(43)}`],
    ["a sealed value", () => `avs1.${randomBytes(8).toString("hex")}.${random(60)}`],
    ["a GitHub token", () => `ghp_${randomBytes(40).toString("hex").slice(0, 36)}`],
    [
      "a private key",
      () =>
        generateKeyPairSync("rsa", { modulusLength: 2_048 })
          .privateKey.export({ type: "pkcs1", format: "pem" })
          .toString(),
    ],
  ])("finds %s, names the line, and does not show it", async (_what, make) => {
    const secret = make();
    const found = await findSecrets("docs/page.md", `one\n\nkey: ${secret}\n`);
    expect(found.length).toBeGreaterThan(0);
    expect(found[0]).toMatch(/^docs\/page\.md:[34]: /);
    for (const told of found) expect(told).not.toContain(secret);
  });

  test("lets pass what only looks like one: a prefix, a pattern, a placeholder", async () => {
    const text = "keys begin with avk_ and match avk_[A-Za-z0-9_-]{43}; shown as avk_3kT9xQ2b…\n";
    expect(await findSecrets("docs/page.md", text)).toEqual([]);
  });
});

describe("the static rules", () => {
  test("catch each planted violation and no clean sample", () => {
    expect(findBluntRules()).toEqual([]);
    for (const { violations, clean } of staticRules)
      expect([violations.length > 0, clean.length > 0]).toEqual([true, true]);
  });

  test("a rule that has gone blind, or that sees too much, is told", () => {
    const [rule] = staticRules;
    if (rule === undefined) throw new Error("there is no rule");
    const blind = { ...rule, pattern: { rule: { kind: "debugger_statement" } } };
    expect(findBluntRules([blind])).toHaveLength(rule.violations.length);
    const greedy = { ...rule, hint: /./, pattern: { rule: { kind: "program" } } };
    expect(findBluntRules([greedy])).toHaveLength(rule.clean.length);
  });

  test.each(
    staticRules.filter(({ id }) => id !== "no-html-from-text").map((rule) => [rule.id, rule] as const),
  )("%s finds what is planted into a source file of the backend, with its line", (id, { violations }) => {
    for (const code of violations) {
      const found = findViolations("backend/src/modules/planted.ts", `// first\n${code}\n`);
      expect(found.some((line) => line.startsWith(`backend/src/modules/planted.ts:2: ${id}: `))).toBe(true);
    }
  });

  test("an exception needs the rule's name and a reason, and holds for the next line alone", () => {
    const path = "backend/src/modules/planted.ts";
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is code that is looked at
    const bad = "sql.raw(`order by ${column}`);\n";
    const excuse = "// security: no-raw-sql-of-values because the column is one of ours\n";
    expect(findViolations(path, `${excuse}${bad}`)).toEqual([]);
    expect(findViolations(path, `${excuse}${bad}${bad}`)).toHaveLength(1);
    expect(findViolations(path, `// security: no-raw-sql-of-values because\n${bad}`)).toHaveLength(1);
    expect(findViolations(path, `${excuse.replace("raw-sql-of-values", "weak-hash")}${bad}`)).toHaveLength(1);
  });

  test("tests may do what production code may not, but for turning TLS off in the code they share", () => {
    const code = 'createHash("md5").update(text);\n';
    expect(findViolations("backend/src/a.test.ts", code)).toEqual([]);
    expect(findViolations("backend/src/a.ts", code)).toHaveLength(1);
    expect(findViolations("scripts/a.ts", "connect({ rejectUnauthorized: false });\n")).toHaveLength(1);
  });
});

describe("the dependency audit", () => {
  const report = (severity: string) =>
    JSON.stringify({
      auditReportVersion: 2,
      vulnerabilities: { left: { name: "left", severity, range: "<2", isDirect: true } },
    });

  test.each(["high", "critical"])("fails for an advisory of %s severity", (severity) => {
    expect(readAudit(report(severity))).toMatchObject({
      status: "FAILED",
      findings: [`left <2: ${severity}`],
    });
  });

  test("passes for less, and when there is nothing", () => {
    expect(readAudit(report("moderate")).status).toBe("ok");
    expect(readAudit('{"auditReportVersion":2,"vulnerabilities":{}}').status).toBe("ok");
  });

  test.each([
    ["an answer that refuses", '{"message":"405 Method Not Allowed","statusCode":405}'],
    ["no answer", ""],
    ["half an answer", '{"auditReportVersion":2,"vuln'],
    ["a report without findings that is none", "{}"],
    ["a report of another version", '{"auditReportVersion":3,"vulnerabilities":{}}'],
  ])("is SKIPPED, never green, for %s", (_what, output) => {
    expect(readAudit(output)).toMatchObject({ status: "SKIPPED", findings: [] });
  });
});

const integrity = `sha512-${"A".repeat(86)}==`;
const lockfile = (packages: Lockfile["packages"]): Lockfile => ({ packages: { "": {}, ...packages } });

describe("the lock file", () => {
  test("holds every package to its bytes; only one for another platform may lack it", () => {
    const good = { version: "1.0.0", integrity };
    expect(checkLockIntegrity(lockfile({ "node_modules/a": good })).status).toBe("ok");
    expect(checkLockIntegrity(lockfile({ "node_modules/a": { version: "1.0.0" } })).findings).toHaveLength(1);
    const sha1 = { version: "1.0.0", integrity: "sha1-abc=" };
    expect(checkLockIntegrity(lockfile({ "node_modules/a": sha1 })).findings).toHaveLength(1);
    const platform = { version: "1.0.0", os: ["darwin"], optional: true };
    expect(checkLockIntegrity(lockfile({ "node_modules/a": platform })).status).toBe("ok");
  });
});

describe("licences", () => {
  test.each([
    ["MIT", true],
    ["(MIT OR GPL-3.0-only)", true],
    ["Apache-2.0 AND MIT", true],
    ["GPL-3.0-only", false],
    ["MIT AND GPL-3.0-only", false],
    ["WTFPL", false],
    ["UNLICENSED", false],
    ["SEE LICENSE IN LICENSE", false],
    ["(MIT AND (GPL-2.0 OR AGPL-3.0))", false],
  ])("%s: %s", (licence, expected) => {
    expect(isAllowed(licence)).toBe(expected);
  });

  test("are read from manifests old and new", () => {
    expect(licenceOf({ license: "MIT" })).toBe("MIT");
    expect(licenceOf({ licenses: [{ type: "MIT" }, { type: "GPL-2.0" }] })).toBe("MIT OR GPL-2.0");
    expect(licenceOf({})).toBeUndefined();
  });
});

describe("the bill of materials", () => {
  const locked = lockfile({
    app: { version: "1.0.0", dependencies: { a: "1", "@s/b": "1" } as never },
    "node_modules/a": { version: "1.0.0", integrity, dependencies: { c: "1" } as never },
    "node_modules/@s/b": { version: "2.0.0", integrity },
    "node_modules/c": { version: "1.0.0", integrity, dev: true },
    "node_modules/a/node_modules/c": { version: "3.0.0", integrity },
    "node_modules/unused": { version: "1.0.0", integrity },
  });

  test("names what is shipped and what that needs in turn, each once and the version that is used", async () => {
    expect(findShipped(locked, ["app"]).map(({ place }) => place)).toEqual([
      ...["node_modules/@s/b", "node_modules/a", "node_modules/a/node_modules/c"],
    ]);
    await using folder = await tempDir();
    writeFileSync(join(folder.path, "package.json"), "{}");
    mkdirSync(join(folder.path, "cli"));
    writeFileSync(join(folder.path, "cli/package.json"), '{"name":"@agentvine/cli","version":"1.0.0"}');
    const sbom = makeSbom(folder.path, locked, ["app"]);
    expect(sbom.components.map(({ purl }) => purl)).toEqual([
      ...["pkg:npm/%40s/b@2.0.0", "pkg:npm/a@1.0.0", "pkg:npm/c@3.0.0"],
    ]);
    expect(findSbomFaults(sbom, ["a", "@s/b"])).toEqual([]);
    expect(findSbomFaults(sbom, ["a", "missing"])).toEqual(["missing is shipped and not named"]);
    const { components, ...rest } = sbom;
    expect(findSbomFaults({ ...rest, components: components.slice(1) }, [])).toHaveLength(1);
    expect(findSbomFaults({ ...rest, components: [...components, ...components] }, [])).toHaveLength(1);
    expect(findSbomFaults({ ...sbom, specVersion: "0.9" }, [])).toHaveLength(1);
    expect(findSbomFaults({}, []).length).toBeGreaterThan(3);
  });
});

test("the OpenAPI rules find two operations of one id, a parameter that is not declared, and an unknown security scheme", async () => {
  await using folder = await tempDir();
  const path = join(folder.path, "openapi.json");
  const operation = (change: object = {}) => ({
    get: {
      operationId: "same",
      summary: "s",
      tags: ["t"],
      security: [{ bearer: [] }],
      responses: { 200: { description: "d" } },
      ...change,
    },
  });
  const document = {
    openapi: "3.1.0",
    info: { title: "t", version: "1", license: { name: "MIT", identifier: "MIT" } },
    servers: [{ url: "/" }],
    tags: [{ name: "t" }],
    paths: {
      "/a": operation(),
      "/b": operation(),
      "/c/{id}": operation({ operationId: "c" }),
      "/d": operation({ operationId: "d", security: [{ other: [] }] }),
    },
    components: { securitySchemes: { bearer: { type: "http", scheme: "bearer" } } },
  };
  writeFileSync(path, JSON.stringify(document));
  const rules = (await lintOpenApi(path)).map((line) => line.split(":")[0]);
  expect(rules).toEqual(
    expect.arrayContaining(["operation-operationId-unique", "path-parameters-defined", "security-defined"]),
  );
});
