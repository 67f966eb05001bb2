// docs/reference/errors.md: one section per code of the catalog.

import { exitCodeOf } from "../../cli/src/exit-code.ts";
import { type ErrorCode, errorCatalog, errorCodes, errorKinds } from "../../packages/contracts/src/index.ts";
import { AppError } from "../../packages/kit/src/index.ts";
import { code, pageHead, table } from "./markdown.ts";

const intro = `Every refused request gets \`{ "error": { "code", "message", "requestId", "issues"? } }\`, and every command that fails
prints \`agentvine: <message> (<code>)\`. Programs should act on \`code\`; the message is for people and may change. What is retryable may
succeed when the same thing is tried again, after \`Retry-After\` when the answer carries one.`;

const kinds = `## Kinds

A kind says whose turn it is, and decides the HTTP status.

${table(
  ["kind", "HTTP status"],
  Object.entries(errorKinds).map(([kind, status]) => [code(kind), String(status)]),
)}`;

const section = (name: ErrorCode): string => {
  const { kind, retryable, title, remedy } = errorCatalog[name];
  const exit = exitCodeOf(new AppError(name, title));
  return `### ${code(name)} <a id="${name}"></a>

${title}

**What to do:** ${remedy}

Kind ${code(kind)} · HTTP ${errorKinds[kind]} · exit code ${exit} · ${retryable ? "retryable" : "not retryable"}`;
};

export const errorsPage = (): string =>
  `${[pageHead("Errors", intro).trimEnd(), kinds, "## Codes", ...errorCodes.toSorted().map(section)].join("\n\n")}\n`;
