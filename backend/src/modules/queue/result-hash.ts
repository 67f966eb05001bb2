import { createHash } from "node:crypto";

/** JSON with the keys of every object in order, so that equal values have equal text. Leaves out undefined, as JSON does. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map((item) => canonicalJson(item ?? null)).join(",")}]`;
  }
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`);
    return `{${fields.join(",")}}`;
  }
  return JSON.stringify(value) ?? "null";
}

/** SHA-256 of what an attempt handed in and by which route: tells a repeat of a result from another result. */
export const resultHash = (route: string, result: unknown): string =>
  createHash("sha256").update(route).update("\n").update(canonicalJson(result)).digest("hex");
