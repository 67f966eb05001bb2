import { z } from "zod";

/** What a model must answer with. */
export const modelAnswerSchema = z.strictObject({
  /** Id of an offered option; null when none is offered. */
  choice: z.string().max(100).nullable().default(null),
  answer: z.string().max(20_000).default(""),
  confidence: z.number().min(0).max(1),
  citations: z
    .array(z.strictObject({ source: z.string().max(20), quote: z.string().max(2_000).default("") }))
    .max(20)
    .default([]),
});
export type ModelAnswer = z.infer<typeof modelAnswerSchema>;

/** Why a reply can't be used, in words the model can act on; or the answer. */
export type ReadAnswer =
  | { readonly kind: "answer"; readonly answer: ModelAnswer }
  | { readonly kind: "unusable"; readonly complaint: string };

/** Reads what the model called the tool with, or wrote as JSON. Prose is no answer. */
export function readAnswer(input: unknown): ReadAnswer {
  const parsed = modelAnswerSchema.safeParse(input);
  if (parsed.success) return { kind: "answer", answer: parsed.data };
  const complaint = parsed.error.issues
    .slice(0, 5)
    .map(({ path, message }) => `${path.join(".") || "answer"}: ${message}`)
    .join("; ");
  return { kind: "unusable", complaint };
}

/** The JSON object a text consists of, fenced or not; undefined when it is anything else. */
export function jsonOf(text: string): unknown {
  const body = /^\s*```(?:json)?\s*\n([\s\S]*?)\n\s*```\s*$/.exec(text)?.[1] ?? text;
  try {
    const value: unknown = JSON.parse(body.trim());
    return typeof value === "object" ? value : undefined;
  } catch {
    return undefined;
  }
}
