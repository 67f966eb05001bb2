import type { Page } from "../database/bounded-count.ts";

/** The response of a list by page. */
export const pageReply = <T>(
  { page, pageSize }: { page: number; pageSize: number },
  { items, total, isTotalExact }: Page<T>,
) => ({ items, total, isTotalExact, page, pageSize, pages: Math.ceil(total / pageSize) });
