import { everybody, type PolicyRules } from "@agentvine/contracts";
import type { PolicyIssue } from "./rule-set.ts";

/** A person that a chain names by the user name, and where. */
export interface NamedPerson extends Pick<PolicyIssue, "ruleId" | "path"> {
  readonly username: string;
}

/** Everybody that the rules name. Whether they are there only the backend knows. */
export const peopleNamedBy = ({ rules }: PolicyRules): NamedPerson[] =>
  rules.flatMap(({ id, escalation = [] }, rule) =>
    escalation.flatMap(({ to }, step) =>
      to === everybody ? [] : [{ username: to, ruleId: id, path: ["rules", rule, "escalation", step, "to"] }],
    ),
  );
