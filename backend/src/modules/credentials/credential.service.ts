import type { Credential, CredentialCreate, CredentialUpdate } from "@agentvine/contracts";
import { AppError, newId } from "@agentvine/kit";
import type { Db } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { definedOf } from "../../defined-of.ts";
import { changeOf, recordAudit } from "../audit/index.ts";
import { placeOf, type SecretBox } from "../secrets/index.ts";
import {
  type CredentialRow,
  deleteCredential,
  insertCredential,
  listCredentials,
  lockCredential,
  updateCredential,
} from "./credential.repository.ts";
import { wantsPassphrase } from "./credential.ts";
import type { KnownRepositories } from "./repositories.port.ts";

const toCredential = (row: CredentialRow): Credential => ({
  id: row.id,
  kind: row.kind,
  repositoryId: row.repositoryId,
  host: row.host,
  username: row.username,
  knownHosts: row.knownHosts,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
  lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
});

const target = (targetId: string) => ({ targetType: "credential", targetId }) as const;

/** What the audit log tells of a credential. */
const shownState = ({ kind, repositoryId, host, username }: CredentialRow) => ({
  ...{ kind, repositoryId, host, username },
});

const notFound = (): AppError => new AppError("credential.not_found", "There is no such credential.");

const invalid = (path: string, message: string): AppError =>
  new AppError("request.invalid", `The request is not valid: ${path} ${message}.`, {
    issues: [{ path, message }],
  });

function assertUsable(kind: CredentialRow["kind"], value: string): void {
  const isPrivateKey = value.startsWith("-----BEGIN ");
  if (kind === "token" && isPrivateKey) throw invalid("value", "is a private key, but this is a token");
  if (kind === "ssh_key" && !isPrivateKey) throw invalid("value", "is no private key");
  if (kind === "ssh_key" && wantsPassphrase(value))
    throw invalid("value", "wants a passphrase: make a key without one, for this use alone");
}

/** @throws AppError `request.invalid` when a credential of that kind has no such part */
function assertFits(kind: CredentialRow["kind"], { username, knownHosts, value }: CredentialUpdate): void {
  if (username !== undefined && kind !== "token") throw invalid("username", "belongs to tokens");
  if (knownHosts !== undefined && kind !== "ssh_key") throw invalid("knownHosts", "belong to SSH keys");
  if (value !== undefined) assertUsable(kind, value);
}

export interface CredentialServiceDeps {
  db: Db;
  box: SecretBox;
  repositories: KnownRepositories;
}

/** How workers reach private repositories. Values come in and are never told again. */
export function createCredentialService({ db, box, repositories }: CredentialServiceDeps) {
  return {
    /** @throws AppError `repository.not_found`, `credential.exists`, `request.invalid` */
    create: async (input: CredentialCreate, createdBy: string): Promise<Credential> => {
      assertUsable(input.kind, input.value);
      const id = newId();
      const { kind, repositoryId = null, host = null } = input;
      const row = await inTransaction(db, async (tx) => {
        if (repositoryId !== null) await repositories.get(repositoryId, tx);
        const made = await insertCredential(tx, {
          ...{ id, kind, repositoryId, host, createdBy },
          username: input.kind === "token" ? input.username : null,
          knownHosts: input.kind === "ssh_key" ? input.knownHosts : null,
          sealedValue: box.seal(input.value, placeOf.credential({ id, kind, repositoryId, host })),
        });
        if (made !== undefined)
          await recordAudit(tx, {
            ...{ action: "credential.created", ...target(id), after: shownState(made) },
          });
        return made;
      });
      if (row !== undefined) return toCredential(row);
      throw new AppError(
        "credential.exists",
        `There is a credential of the kind ${kind} for ${host ?? "the repository"} already: replace its value, or delete it first.`,
      );
    },

    list: async (repositoryId: string | undefined): Promise<Credential[]> =>
      (await listCredentials(db, repositoryId)).map(toCredential),

    /** @throws AppError `credential.not_found`, `request.invalid` */
    update: (id: string, change: CredentialUpdate): Promise<Credential> =>
      inTransaction(db, async (tx) => {
        const before = await lockCredential(tx, id);
        if (before === undefined) throw notFound();
        assertFits(before.kind, change);
        const { value, ...plain } = change;
        const row = await updateCredential(tx, id, {
          ...definedOf(plain),
          ...(value === undefined ? {} : { sealedValue: box.seal(value, placeOf.credential(before)) }),
        });
        await recordAudit(tx, {
          ...{ action: "credential.updated", ...target(id) },
          ...changeOf(shownState(before), shownState(row ?? before)),
          detail: { isReplaced: value !== undefined },
        });
        return toCredential(row ?? before);
      }),

    /** @throws AppError `credential.not_found` */
    delete: async (id: string): Promise<void> => {
      await inTransaction(db, async (tx) => {
        const before = await lockCredential(tx, id);
        if (before === undefined || !(await deleteCredential(tx, id))) throw notFound();
        await recordAudit(tx, {
          ...{ action: "credential.deleted", ...target(id), before: shownState(before) },
        });
      });
    },
  };
}

export type CredentialService = ReturnType<typeof createCredentialService>;
