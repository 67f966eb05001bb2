import { z } from "zod";

const withoutNul = (max: number) =>
  z
    .string()
    .max(max)
    .refine((text) => !text.includes("\u0000"), { message: "must not hold a NUL character" });

/** UUIDv7 of a resource. */
export const idSchema = z.uuid();
/** ISO 8601 with an offset. */
export const timestampSchema = z.iso.datetime({ offset: true });
/** One line of text for people. */
export const titleSchema = withoutNul(200)
  .refine((text) => text.trim().length > 0, { message: "must not be empty" })
  .refine((text) => !/[\r\n]/.test(text), { message: "must be one line" });
/** Longer text for people or agents, up to 100,000 characters. */
export const textSchema = withoutNul(100_000);
/** A short machine name such as a label. */
export const nameSchema = withoutNul(100).refine((text) => text.trim().length > 0, {
  message: "must not be empty",
});
/** A worker label such as `gpu` or `os=linux`. */
export const labelSchema = z
  .string()
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9._/=-]{0,62}$/, "letters, digits and . _ / = - only");
/** A git branch; never an option, never a traversal. Follows git check-ref-format. */
export const branchSchema = z
  .string()
  .min(1)
  .max(200)
  .refine(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what the check is for
    (name) => !/[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{|\/\/|\.lock(\/|$)|(^|\/)\.|[./]$|^[-/]|^@$/.test(name),
    {
      message: "is not a valid git branch name",
    },
  );
/** Hexadecimal git object name. */
export const commitSchema = z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/, "must be a full commit id");
/** SHA-256 in hexadecimal. */
export const digestSchema = z.string().regex(/^[0-9a-f]{64}$/, "must be a SHA-256 in hexadecimal");
/** JSON object of at most 64 KiB once serialised. */
export const jsonObjectSchema = z
  .record(z.string(), z.unknown())
  .refine((value) => JSON.stringify(value).length <= 65_536, { message: "must be at most 64 KiB" })
  .refine((value) => !JSON.stringify(value).includes("\\u0000"), {
    message: "must not hold a NUL character",
  });
