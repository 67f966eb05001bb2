import type { Db, Tx } from "../../database/client.ts";

/** The part of the repositories that credentials need. */
export interface KnownRepositories {
  /** @throws AppError `repository.not_found` */
  get(id: string, db?: Db | Tx): Promise<{ id: string; url: string; canonicalKey: string }>;
}
