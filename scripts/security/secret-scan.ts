import { readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { lintSource } from "@secretlint/core";
import { secretLintProfiler } from "@secretlint/profiler";
import { creator as pattern } from "@secretlint/secretlint-rule-pattern";
import { creator as preset } from "@secretlint/secretlint-rule-preset-recommend";
import { listRepositoryFiles, repositoryRoot } from "../repository-files.ts";
import { type CheckResult, resultOf } from "./finding.ts";

// It notes every step of every file and looks through all its notes at each: a minute for what takes a second.
secretLintProfiler.mark = () => {};

const bytesMax = 2 * 1_024 * 1_024;

/** Our own: API keys, the local token, the tokens of attempts, leases, sessions and links, signing secrets, and sealed values. */
const own = [
  {
    name: "an AgentVine key or token",
    pattern: String.raw`/\bav[a-z]_(?:[A-Za-z0-9_-]{43}|[A-Za-z0-9_-]{32})(?![A-Za-z0-9_-])/`,
  },
  {
    name: "a sealed value",
    pattern: String.raw`/\bavs1\.[0-9a-f]{16}\.[A-Za-z0-9_-]{38,}/`,
  },
  {
    name: "the token of an attempt",
    pattern: String.raw`/\bavt_[0-9a-f]{8}-[0-9a-f-]{27}\.[1-9][0-9]{0,8}\.[A-Za-z0-9_-]{43}\b/`,
  },
];

/** Made-up secrets that tests need: the file, and why they may stand there. */
const madeUp: Readonly<Record<string, string>> = {
  "backend/src/config.test.ts": "an address that is refused",
  "backend/src/database/database-tls.int.test.ts": "a password for a database that the test makes",
  "backend/src/modules/accounts/leaks.system.test.ts": "a token that must not get into a dump or the log",
  "backend/src/modules/audit/audit-facts.test.ts": "a password that must not get into the audit log",
  "backend/src/modules/health/health.int.test.ts": "an address where nothing listens",
  "backend/src/modules/repositories/repository-url.test.ts": "an address that is refused for its password",
  "backend/src/modules/repositories/url-gate.int.test.ts": "an address that is refused for its password",
  "backend/src/process.int.test.ts": "an address where nothing listens",
  "packages/kit/src/backend-connection.test.ts": "a password that must not be shown",
  "packages/kit/src/logger.test.ts": "a password that must not get into a log",
  "workers/src/execution/redactor.test.ts": "a token that must be taken out",
  "workers/src/workspace/remote-address.test.ts": "a password that must not be shown",
};

const config = {
  rules: [
    { id: "@secretlint/secretlint-rule-preset-recommend", rule: preset, rules: [] },
    { id: "@secretlint/secretlint-rule-pattern", rule: pattern, options: { patterns: own } },
  ],
};

/** Every secret in a text, as `path:line: what it is`. The secret itself is not told. */
export async function findSecrets(path: string, content: string): Promise<string[]> {
  const { messages } = await lintSource({
    source: { content, filePath: path, ext: extname(path), contentType: "text" },
    // Never: the types of a preset and of a rule beside each other do not fit the one of a configuration.
    options: { config: config as never, noPhysicFilePath: true, maskSecrets: true },
  });
  return messages.map(({ loc, message }) => `${path}:${loc.start.line}: ${message}`);
}

/** Looks through every file of the repository. */
export async function checkSecrets(root: string = repositoryRoot): Promise<CheckResult> {
  const files = listRepositoryFiles(root).filter((path) => statSync(join(root, path)).size <= bytesMax);
  const findings: string[] = [];
  const unused = new Set(Object.keys(madeUp));
  for (const path of files) {
    const content = readFileSync(join(root, path), "utf8");
    if (content.includes("\0")) continue;
    const found = await findSecrets(path, content);
    if (madeUp[path] === undefined) findings.push(...found);
    else if (found.length > 0) unused.delete(path);
  }
  if (root === repositoryRoot)
    findings.push(
      ...[...unused].map((path) => `${path}: holds no made-up secret any more: take it off the list`),
    );
  return resultOf(`${files.length} files`, findings);
}
