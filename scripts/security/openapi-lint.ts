import { join } from "node:path";
import { lint, loadConfig } from "@redocly/openapi-core";
import { repositoryRoot } from "../repository-files.ts";
import { type CheckResult, resultOf } from "./finding.ts";

/** What the rules of `redocly.yaml` say about a document. */
export async function lintOpenApi(path: string): Promise<string[]> {
  const config = await loadConfig({ configPath: join(repositoryRoot, "redocly.yaml") });
  const problems = await lint({ ref: path, config });
  return problems.map(
    ({ ruleId, message, location }) => `${ruleId}: ${message} (${location[0]?.pointer ?? ""})`,
  );
}

/** Lints the generated document; that it is the current one is another check. */
export async function checkOpenApi(root: string = repositoryRoot): Promise<CheckResult> {
  return resultOf(
    "docs/reference/openapi.json",
    await lintOpenApi(join(root, "docs/reference/openapi.json")),
  );
}
