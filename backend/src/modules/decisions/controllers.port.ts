import type { AutomatedAnswer } from "@agentvine/contracts";
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

/** Context documents as the decision plane sees them. */
export interface CitationsPort {
  /** Title of the document of that version, when there is one that the repository may see. */
  titleOf(
    tx: Tx,
    repositoryId: string,
    citation: Pick<AutomatedAnswer["citations"][number], "id" | "version">,
  ): Promise<string | undefined>;
}
