import { createHash } from "node:crypto";
import type { Approval, RequestOption, WorkerRequestKind } from "@agentvine/contracts";

/** What is asked, as far as it makes one question the same as another. */
export interface Asked {
  readonly kind: WorkerRequestKind;
  readonly question: string;
  readonly options: readonly Pick<RequestOption, "id" | "label">[];
  readonly approval: Pick<Approval, "subject" | "tool" | "arguments" | "steps"> | null;
}

/** JSON with the keys of every object in their order: equal values have equal text. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`);
  return `{${fields.join(",")}}`;
}

/** Words without what does not change their meaning: form of characters, case, white space. */
const normalizeWords = (text: string): string =>
  text.normalize("NFKC").toLowerCase().replaceAll(/\s+/g, " ").trim();

const hashOf = (value: unknown): string => createHash("sha256").update(canonicalJson(value)).digest("hex");

/** Spaces between words count only where quotes or line ends may give them a meaning. */
const normalizeCommand = (command: string): string =>
  /["'`\\\n\r]/.test(command) ? command : command.replaceAll(/\s+/g, " ").trim();

/** What of a call makes it alike others: its command but for spaces, and what else is passed. */
function normalCall({ tool, arguments: args }: Pick<Approval, "tool" | "arguments">): unknown {
  const { command } = args;
  return [tool, typeof command === "string" ? { ...args, command: normalizeCommand(command) } : args];
}

/**
 * Equal for requests that one answer fits: same repository, kind, tool and command but for spaces, or same question and options. Wider than
 * the fingerprint, which says for what leave is spent; people still answer each for itself.
 */
export function alikeGroupOf(repositoryId: string, asked: Asked): string {
  const { approval } = asked;
  const what = approval?.subject === "tool_call" ? normalCall(approval) : fingerprintOf(asked);
  return hashOf([repositoryId, asked.kind, what]).slice(0, 32);
}

/**
 * SHA-256 of what is asked, in hexadecimal. Calls of tools are equal when tool and arguments are, byte for byte; the agent's words around
 * them do not count. Questions are equal when kind, normalised text and options are.
 */
export function fingerprintOf({ kind, question, options, approval }: Asked): string {
  const asked =
    approval === null
      ? [kind, normalizeWords(question), options.map(({ id, label }) => [id, normalizeWords(label)]).sort()]
      : approval.subject === "plan"
        ? ["plan", approval.steps.map(normalizeWords)]
        : ["call", approval.tool, approval.arguments];
  return hashOf(asked);
}
