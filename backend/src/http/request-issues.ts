import type { Issue } from "@agentvine/contracts";
import type { z } from "zod";

type ZodIssue = z.core.$ZodIssue;

/** What is wrong with an input, field by field, in words that name the remedy. */
export function describeIssues(issues: readonly ZodIssue[]): Issue[] {
  return issues.map((issue) => ({ path: issue.path.join("."), message: describeIssue(issue) }));
}

function describeIssue(issue: ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return /received undefined$/.test(issue.message)
        ? `is required: give ${article(issue.expected)}`
        : `must be ${article(issue.expected)}`;
    case "invalid_value":
      return `must be ${issue.values.length === 1 ? "" : "one of "}${issue.values.map(String).join(", ")}`;
    case "too_small":
      return `must ${sizeWord(issue.origin)} at least ${issue.minimum}${unitOf(issue.origin)}`;
    case "too_big":
      return `must ${sizeWord(issue.origin)} at most ${issue.maximum}${unitOf(issue.origin)}`;
    case "unrecognized_keys":
      return `holds unknown fields: ${issue.keys.join(", ")}`;
    case "invalid_format":
      return describeFormat(issue.format, issue.message);
    default:
      return issue.message;
  }
}

function describeFormat(format: string, message: string): string {
  if (format === "uuid") {
    return "must be a UUID";
  }
  if (format === "datetime") {
    return "must be a date and time such as 2026-01-31T12:00:00Z";
  }
  return message;
}

const article = (type: string): string =>
  /^[aeio]/.test(type) && type !== "int" ? `an ${type}` : `a ${type}`;
const sizeWord = (origin: string): string => (origin === "string" || origin === "array" ? "hold" : "be");
const unitOf = (origin: string): string =>
  origin === "string" ? " characters" : origin === "array" ? " items" : "";

/** One sentence for people out of all issues. */
export function summarizeIssues(issues: readonly Issue[]): string {
  const shown = issues
    .slice(0, 3)
    .map(({ path, message }) => `${path === "" ? "the body" : path} ${message}`);
  const rest = issues.length > shown.length ? `; and ${issues.length - shown.length} more` : "";
  return `The request is not valid: ${shown.join("; ")}${rest}.`;
}
