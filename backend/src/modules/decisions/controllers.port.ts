import type { AutomatedAnswer, ContextDocument } from "@agentvine/contracts";
import type { Actor } from "../../actor.ts";
import type { Tx } from "../../database/client.ts";

/** Controllers as the decision plane sees them. */
export interface ControllersPort {
  /** @throws AppError `controller.not_found`, `controller.superseded`, `auth.forbidden` */
  assertProcess(actor: Actor, controllerId: string, instanceId: string): Promise<void>;
  /** @throws AppError `controller.not_found`, `auth.forbidden` */
  assertOwn(actor: Actor, controllerId: string): Promise<void>;
  /** What it is called. @throws as `assertOwn` */
  nameOf(actor: Actor, controllerId: string): Promise<string>;
}

/** What a document that is to be kept says. */
export interface ProposedDocument {
  /** The same for the same question of a repository: it is proposed once. */
  readonly id: string;
  readonly title: string;
  readonly content: string;
  readonly tags: string[];
  readonly repositoryId: string;
  readonly author: string;
}

/** Context documents as the decision plane sees them. */
export interface CitationsPort {
  /** Keeps a document for people to accept, unless it is there already, in whatever state. */
  propose(tx: Tx, document: ProposedDocument): Promise<ContextDocument>;
  /** The document of that version, when there is one that the repository may see and that people made or accepted. */
  find(
    tx: Tx,
    repositoryId: string,
    citation: Pick<AutomatedAnswer["citations"][number], "id" | "version">,
  ): Promise<{ title: string; text: string } | undefined>;
}
