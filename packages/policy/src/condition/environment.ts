import type { PolicyContext, PolicyFacts } from "@agentvine/contracts";
import { Environment } from "@marcbachmann/cel-js";

/** What a condition may look at, and of which type each field is. */
const conditionFields = {
  request: {
    kind: "string",
    subject: "string",
    question: "string",
    options: "list<string>",
    reason: "string",
  },
  tool: {
    name: "string",
    toolClass: "string",
    command: "string",
    paths: "list<string>",
    arguments: "map<string, dyn>",
  },
  task: { type: "string", priority: "string", permissionLevel: "string", title: "string" },
  worker: { name: "string", labels: "list<string>", sandbox: "string", isConfined: "bool" },
  repository: { url: "string", key: "string" },
} as const;

/** `matches` of the library uses the backtracking expressions of JavaScript: it is read, checked and replaced by this. */
export const safeMatches = "matchesSafely";

/** Made anew for each condition: the function knows the condition's expressions and its budget. */
export function conditionEnvironment(matches: (text: string, pattern: string) => boolean): Environment {
  const environment = new Environment({
    limits: { maxAstNodes: 300, maxDepth: 24, maxListElements: 200, maxMapEntries: 10, maxCallArguments: 4 },
  });
  for (const [name, schema] of Object.entries(conditionFields)) {
    environment.registerVariable({ name, schema });
  }
  return environment.registerFunction(`string.${safeMatches}(string): bool`, matches);
}

const noTool = { name: "", toolClass: "", command: "", paths: [], arguments: {} };
const noRequest = { kind: "", subject: "", question: "", options: [], reason: "" };

/** The facts as conditions see them: a request without a call has a tool of empty fields. */
export function conditionValues(facts: PolicyFacts | PolicyContext): Record<string, unknown> {
  const request = "request" in facts ? facts.request : noRequest;
  const tool = "tool" in facts ? facts.tool : null;
  const { task, worker, repository } = facts;
  return {
    request,
    tool: tool === null ? noTool : { ...tool, command: tool.command ?? "" },
    task,
    worker,
    repository,
  };
}
