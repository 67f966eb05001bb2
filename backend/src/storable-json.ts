const loneSurrogate = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Text as PostgreSQL can keep it: without NUL, and with U+FFFD for halves of surrogate pairs. */
export const storableText = (text: string): string =>
  text.replaceAll("\u0000", "").replace(loneSurrogate, "\ufffd");

/** The same JSON value with every text and key made storable; jsonb refuses NUL and halves of surrogate pairs. */
export function storableJson<T>(value: T): T;
export function storableJson(value: unknown): unknown {
  if (typeof value === "string") {
    return storableText(value);
  }
  if (Array.isArray(value)) {
    return value.map((item) => storableJson(item));
  }
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, field]) => [storableText(key), storableJson(field)]),
    );
  }
  return value;
}
