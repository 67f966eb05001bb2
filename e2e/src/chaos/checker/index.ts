import type { History } from "../history.ts";
import { onlyAcceptedBranches } from "./branches.ts";
import { fleetCounters, orderCounters, positionsHaveNoGaps, taskCounters } from "./counters.ts";
import { executionsMatchClaims, leasesAreFenced } from "./leases.ts";
import { dependenciesFirst, everyTaskEnds, movesAreLegal, oneEndingPerLife } from "./lives.ts";
import { acknowledgedIsKept, createdOnce } from "./promises.ts";
import { allowedBySomebody, answeredOnce, askedOnce, nothingWaits, spentOnce } from "./requests.ts";
import { index, type Rule, type Violation } from "./rule.ts";

export { dispatchRules, type RuleName, requestRules, type Violation } from "./rule.ts";

const rules: readonly Rule[] = [
  everyTaskEnds,
  oneEndingPerLife,
  movesAreLegal,
  dependenciesFirst,
  leasesAreFenced,
  executionsMatchClaims,
  acknowledgedIsKept,
  createdOnce,
  onlyAcceptedBranches,
  positionsHaveNoGaps,
  taskCounters,
  orderCounters,
  fleetCounters,
  answeredOnce,
  spentOnce,
  allowedBySomebody,
  nothingWaits,
  askedOnce,
];

/** Judges what a run left behind once all is quiet. Pure: the same history gives the same violations. */
export const checkHistory = (history: History): Violation[] => {
  const indexed = index(history);
  return rules.flatMap((rule) => rule(indexed));
};
