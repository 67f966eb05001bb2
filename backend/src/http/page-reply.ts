/** The response of a list by page. */
export const pageReply = <T>(
  { page, pageSize }: { page: number; pageSize: number },
  { items, total }: { items: T[]; total: number },
) => ({ items, total, page, pageSize, pages: Math.ceil(total / pageSize) });
