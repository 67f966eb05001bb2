import type { PolicyFacts } from "@agentvine/contracts";
import type { Tx } from "../../database/client.ts";
import type { RequestRow } from "./request-row.repository.ts";

/** What became of the wish for a rule: the proposal that is kept, or why there is none. */
export interface ProposedRule {
  readonly id: string | null;
  readonly refusal: string;
}

/** The rules as answers of people see them. */
export interface RuleProposalsPort {
  /** Keeps the narrowest rule that would have answered like this. It decides nothing before somebody accepts it. */
  propose(
    tx: Tx,
    wish: {
      readonly request: RequestRow;
      /** Of the call as it was decided: with another command, when a person changed it. */
      readonly facts: PolicyFacts;
      readonly decision: "allow" | "deny";
      readonly authorId: string;
    },
  ): Promise<ProposedRule>;
}
