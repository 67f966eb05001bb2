import type { AttemptCredentials } from "@agentvine/contracts";
import type { Actor } from "../../actor.ts";
import type { Db, Tx } from "../../database/client.ts";
import { inTransaction } from "../../database/transaction.ts";
import { recordAudit } from "../audit/index.ts";
import { assertOwnAttempt, lockHeldWork } from "../queue/index.ts";
import { placeOf, type SecretBox } from "../secrets/index.ts";
import { useCredential } from "./credential.repository.ts";
import { wantedCredential } from "./credential.ts";
import type { KnownRepositories } from "./repositories.port.ts";
import { useRepositorySecrets } from "./repository-secret.repository.ts";

export interface HandOutDeps {
  db: Db;
  box: SecretBox;
  repositories: KnownRepositories;
}

/** Gives attempts what their own repository needs, while they hold the lease. */
export function createHandOut({ db, box, repositories }: HandOutDeps) {
  async function credentialFor(tx: Tx, repositoryId: string): Promise<AttemptCredentials["credential"]> {
    const { url, canonicalKey } = await repositories.get(repositoryId, tx);
    const wanted = wantedCredential(url, canonicalKey);
    const row = wanted && (await useCredential(tx, { ...wanted, repositoryId }));
    if (row === undefined) return null;
    const value = box.open(row.sealedValue, placeOf.credential(row));
    return row.kind === "token"
      ? { kind: "token", username: row.username ?? "", password: value }
      : { kind: "ssh_key", privateKey: value, knownHosts: row.knownHosts ?? "" };
  }

  return {
    /** @throws AppError `auth.forbidden`, `work_order.lease_lost`, `secret.key_unknown`, `secret.damaged` */
    forAttempt: async (actor: Actor, workOrderId: string): Promise<AttemptCredentials> => {
      const ref = { workOrderId, attempt: actor.attempt?.attempt ?? 0 };
      assertOwnAttempt(actor, ref);
      return await inTransaction(db, async (tx) => {
        const { task, order } = await lockHeldWork(tx, ref);
        const credential = await credentialFor(tx, task.repositoryId);
        // What is pushed was tested before: no command of the repository runs.
        const rows = order.kind === "run" ? await useRepositorySecrets(tx, task.repositoryId) : [];
        const testSecrets = rows.map((row) => ({
          name: row.name,
          value: box.open(row.sealedValue, placeOf.repositorySecret(row)),
        }));
        if (credential !== null || testSecrets.length > 0)
          await recordAudit(tx, {
            ...{ action: "credential.used", targetType: "repository", targetId: task.repositoryId },
            detail: { kind: credential?.kind ?? null, names: testSecrets.map(({ name }) => name) },
          });
        return { credential, testSecrets };
      });
    },
  };
}

export type HandOut = ReturnType<typeof createHandOut>;
