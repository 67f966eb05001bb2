import { AppError } from "@agentvine/kit";

const full = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * What a person means by an id: `whole` when it is all there, else an end or beginning of one (tables show the last eight characters).
 * @param noun of what it names, in the singular
 * @throws AppError `command.usage` when it is neither
 */
export const readGivenId = (
  given: string,
  noun: string,
): { readonly id: string; readonly isWhole: boolean } => {
  const id = given.toLowerCase();
  if (full.test(given)) return { id, isWhole: true };
  if (!/^[0-9a-f-]{4,}$/i.test(given)) {
    throw new AppError(
      "command.usage",
      `"${given}" is no ${noun} id: give the id, or at least four characters of its end`,
    );
  }
  return { id, isWhole: false };
};

/**
 * The one item whose id begins or ends so; undefined when there is none.
 * @throws AppError `command.usage` when several do
 */
export const matchGivenId = <Item extends { readonly id: string }>(
  items: readonly Item[],
  given: string,
  noun: string,
): Item | undefined => {
  const wanted = given.toLowerCase();
  const matches = items.filter(({ id }) => id.endsWith(wanted) || id.startsWith(wanted));
  if (matches.length > 1)
    throw new AppError("command.usage", `"${given}" fits ${matches.length} ${noun}s: give more of the id`);
  return matches[0];
};
