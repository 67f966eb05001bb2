import type { InboxSort } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import { z } from "zod";

/** The place of an item in its list. Moments in microseconds: as exact as the database is. */
export interface InboxPlace {
  /** 0 is the most urgent. */
  readonly urgency: number;
  readonly deadlineUs: string;
  readonly sinceUs: string;
  readonly id: string;
}

const moment = z.string().regex(/^\d{1,18}$/);
const cursorSchema = z.tuple([
  z.enum(["urgent", "newest", "oldest"]),
  z.number().int().min(0).max(9),
  moment,
  moment,
  z.uuid(),
]);

/** The place as a word that a client hands back. */
export const cursorOf = (sort: InboxSort, { urgency, deadlineUs, sinceUs, id }: InboxPlace): string =>
  Buffer.from(JSON.stringify([sort, urgency, deadlineUs, sinceUs, id])).toString("base64url");

const parse = (text: string): unknown => {
  try {
    return JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
};

/** @throws AppError `request.invalid` when it is not the `next` of a list of this order */
export function placeOf(sort: InboxSort, cursor: string): InboxPlace {
  const { data } = cursorSchema.safeParse(parse(cursor));
  if (data === undefined || data[0] !== sort) {
    const message = "must be the `next` of a page of the same sort";
    throw new AppError("request.invalid", `after ${message}.`, { issues: [{ path: "after", message }] });
  }
  const [, urgency, deadlineUs, sinceUs, id] = data;
  return { urgency, deadlineUs, sinceUs, id };
}
