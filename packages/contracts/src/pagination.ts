import { z } from "zod";

/** Query of a list by page. `pages` and `total` come back with it. */
export const pageQuerySchema = z.object({
  page: z.coerce.number().int().min(1).max(1_000_000).default(1),
  pageSize: z.coerce.number().int().min(1).max(100).default(20),
});

export const orderSchema = z.enum(["asc", "desc"]);

/**
 * Response of a list by page. Counting stops early when very many match: then `isTotalExact` is false, `total` tells how many there are
 * at least, and `pages` the last page that is known; further pages can be asked for all the same.
 */
export const pageOf = <T extends z.ZodType>(id: string, item: T) =>
  z
    .object({
      items: z.array(item),
      total: z.number().int().min(0),
      isTotalExact: z.boolean(),
      page: z.number().int().min(1),
      pageSize: z.number().int().min(1),
      pages: z.number().int().min(0),
    })
    .meta({ id });

/** A comma-separated or repeated query value as a list of the given values. */
export const listOf = <T extends z.ZodType<string>>(item: T) =>
  z.preprocess(
    (value) => (typeof value === "string" ? value.split(",").filter((part) => part !== "") : value),
    z.array(item).max(50),
  );

/** A query flag: `true`, `1`, `false` or `0`. */
export const flagSchema = z.preprocess(
  (value) => (value === "true" || value === "1" ? true : value === "false" || value === "0" ? false : value),
  z.boolean(),
);
