import type { RepositorySecret } from "@agentvine/contracts";
import { AppError, newId } from "@agentvine/kit";
import type { Db, Tx } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { recordAudit } from "../audit/index.ts";
import { placeOf, type SecretBox } from "../secrets/index.ts";
import type { KnownRepositories } from "./repositories.port.ts";
import {
  countRepositorySecrets,
  deleteRepositorySecret,
  insertRepositorySecret,
  listRepositorySecrets,
  lockRepositorySecret,
  type RepositorySecretRow,
  updateRepositorySecret,
} from "./repository-secret.repository.ts";

const secretsMax = 100;

const note = (
  tx: Tx,
  action: "secret.created" | "secret.updated" | "secret.deleted",
  { repositoryId, name }: { repositoryId: string; name: string },
): Promise<void> =>
  recordAudit(tx, { action, targetType: "repository", targetId: repositoryId, detail: { name } });

const toSecret = (row: RepositorySecretRow): RepositorySecret => ({
  name: row.name,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
  lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
});

export interface RepositorySecretServiceDeps {
  db: Db;
  box: SecretBox;
  repositories: KnownRepositories;
}

interface SecretSet {
  repositoryId: string;
  name: string;
  value: string;
  createdBy: string;
}

/** Environment variables of the commands that set a repository up and test it. Values come in and are never told again. */
export function createRepositorySecretService({ db, box, repositories }: RepositorySecretServiceDeps) {
  /** Undefined when another request stored one of that name meanwhile. */
  const trySet = ({ repositoryId, name, value, createdBy }: SecretSet) =>
    inTransaction(db, async (tx) => {
      await repositories.get(repositoryId, tx);
      const before = await lockRepositorySecret(tx, repositoryId, name);
      if (before !== undefined) {
        await note(tx, "secret.updated", before);
        return await updateRepositorySecret(tx, before.id, box.seal(value, placeOf.repositorySecret(before)));
      }
      if ((await countRepositorySecrets(tx, repositoryId)) >= secretsMax) {
        throw new AppError(
          "repository_secret.limit_reached",
          `The repository has ${secretsMax} test-run secrets already: delete one first.`,
        );
      }
      const id = newId();
      const sealedValue = box.seal(value, placeOf.repositorySecret({ id, repositoryId, name }));
      const made = await insertRepositorySecret(tx, { id, repositoryId, name, sealedValue, createdBy });
      if (made !== undefined) await note(tx, "secret.created", made);
      return made;
    });

  return {
    /** @throws AppError `repository.not_found` */
    list: async (repositoryId: string): Promise<RepositorySecret[]> => {
      await repositories.get(repositoryId);
      return (await listRepositorySecrets(db, repositoryId)).map(toSecret);
    },

    /** @throws AppError `repository.not_found`, `repository_secret.limit_reached` */
    set: async (input: SecretSet): Promise<RepositorySecret> => {
      const row = (await trySet(input)) ?? (await trySet(input));
      if (row === undefined) throw new Error("the secret is stored and deleted again and again");
      return toSecret(row);
    },

    /** @throws AppError `repository_secret.not_found` */
    remove: async (repositoryId: string, name: string): Promise<void> => {
      await inTransaction(db, async (tx) => {
        if (!(await deleteRepositorySecret(tx, repositoryId, name)))
          throw new AppError("repository_secret.not_found", `The repository has no test-run secret ${name}.`);
        await note(tx, "secret.deleted", { repositoryId, name });
      });
    },
  };
}

export type RepositorySecretService = ReturnType<typeof createRepositorySecretService>;
