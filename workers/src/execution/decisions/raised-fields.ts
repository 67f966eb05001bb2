import { createHash } from "node:crypto";
import {
  type Approval,
  questionCharactersMax,
  type RequestRaiseInput,
  reasonCharactersMax,
} from "@agentvine/contracts";
import type { Question } from "../../agents/agent-driver.ts";
import { redact } from "../redactor.ts";

type Raised = Omit<RequestRaiseInput, "workOrderId" | "attempt" | "callId">;
type Arguments = Readonly<Record<string, unknown>>;

const commandCharactersMax = 20_000;
/** Arguments longer than this are shown by their beginning; what they are is still told apart, by their digest. */
const argumentsCharactersMax = 200_000;
const longTextCharacters = 8_000;

const cut = (text: string, charactersMax: number): string =>
  text.length <= charactersMax ? text : `${text.slice(0, charactersMax - 1)}…`;

/** Characters that no text of the backend may hold. */
const printable = (text: string): string => text.replaceAll("\u0000", "␀");

const mapTexts = (value: unknown, change: (text: string) => string): unknown => {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [change(name), mapTexts(field, change)]),
  );
};

const shortened = (text: string): string => {
  if (text.length <= longTextCharacters) return text;
  const digest = createHash("sha256").update(text).digest("hex");
  return `${text.slice(0, longTextCharacters)}… [${text.length} characters, SHA-256 ${digest}]`;
};

/** Takes out what must be shown to nobody. A call is raised and spent with the same fields: both come from here. */
export const createRaisedFields = (secrets: readonly (string | undefined)[]) => {
  const clean = (text: string): string => printable(redact(text, secrets));
  const argumentsOf = (given: Arguments): Record<string, unknown> => {
    const cleaned = mapTexts(given, clean) as Record<string, unknown>;
    const isLong = JSON.stringify(cleaned).length > argumentsCharactersMax;
    return isLong ? (mapTexts(cleaned, shortened) as Record<string, unknown>) : cleaned;
  };
  const approvalOf = (approval: Approval): Approval => ({
    ...approval,
    arguments: argumentsOf(approval.arguments),
    command: approval.command === null ? null : clean(approval.command),
    paths: approval.paths.slice(0, 1_000).map((path) => cut(clean(path), 4_096)),
    diff: approval.diff === null ? null : cut(clean(approval.diff), 65_536),
    steps: approval.steps.slice(0, 200).map((step) => cut(clean(step), 2_000)),
  });
  return {
    argumentsOf,
    /** What is raised, or in words why it can't be. */
    questionOf: ({ kind, text, reason = "", options = [], approval }: Question): Raised | string => {
      if (text.length > questionCharactersMax)
        return `the question has ${text.length} characters, ${questionCharactersMax} are allowed: be brief`;
      if ((approval?.command?.length ?? 0) > commandCharactersMax)
        return `the command has more than ${commandCharactersMax} characters: put it into a script`;
      return {
        kind,
        question: cut(clean(text), questionCharactersMax),
        reason: cut(clean(reason), reasonCharactersMax),
        options: options.slice(0, 20).map(({ id, label, description }) => ({
          id,
          label: cut(clean(label), 500),
          description: cut(clean(description), 2_000),
        })),
        approval: approval === undefined ? null : approvalOf(approval),
      };
    },
  };
};
