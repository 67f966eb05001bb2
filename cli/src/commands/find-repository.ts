import { endpoints, type Repository } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { ClientContext } from "./command.ts";

const isOf =
  (given: string) =>
  ({ id, url, canonicalKey, name }: Repository): boolean =>
    [id, url, canonicalKey, name].includes(given) ||
    (/^[0-9a-f-]{4,}$/i.test(given) && id.endsWith(given.toLowerCase()));

/**
 * The registered repository of an address, a name, an id or the end of one.
 * @throws AppError `repository.not_found`; `command.usage` when several fit
 */
export async function findRepository({ client }: ClientContext, given: string): Promise<Repository> {
  const fits: Repository[] = [];
  for (let page = 1, pages = 1; page <= pages; page += 1) {
    const list = await client.call(endpoints.repositories.list, { query: { page, pageSize: 100 } });
    fits.push(...list.items.filter(isOf(given)));
    pages = list.pages;
  }
  const [found, ...others] = fits;
  if (found === undefined) throw new AppError("repository.not_found", `there is no repository ${given}`);
  if (others.length > 0)
    throw new AppError(
      "command.usage",
      `"${given}" fits ${fits.length} repositories: give its address or id`,
    );
  return found;
}
