import type { Decision, PolicyFacts } from "@agentvine/contracts";
import type { Tx } from "../../database/client.ts";

/** What the active rules say about a request, and which version of them. */
export type RoutedDecision = Decision & { readonly policyVersion: number };

/** The rules as worker requests see them. Pure but for reading which version is active. */
export interface DecidePort {
  decide(tx: Tx, facts: PolicyFacts): Promise<RoutedDecision>;
}
