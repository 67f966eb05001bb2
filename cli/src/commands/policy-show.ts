import { endpoints, type Policy, type PolicySimulation } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import { exitCodes } from "../exit-code.ts";
import { foreign, type Output } from "../output/output.ts";
import { table } from "../output/table.ts";
import type { ClientContext } from "./command.ts";
import { readPolicyFile } from "./policy-check.ts";

/** The number of a version as it was typed. @throws AppError `command.usage` */
export const versionOf = (given: string): number => {
  const version = Number(given);
  if (!Number.isInteger(version) || version < 1) {
    throw new AppError("command.usage", `a version is a number, not "${given}"`);
  }
  return version;
};

/** Who, when and why, in a line. */
export const policyLine = ({
  version,
  isActive,
  author,
  comment,
  createdAt,
  restoresVersion,
}: Policy): string[] => [
  `${version}${isActive ? " (active)" : ""}`,
  createdAt,
  foreign(author?.username ?? "-"),
  foreign(restoresVersion === null ? comment : `brings ${restoresVersion} back. ${comment}`.trim()),
];

/** `policy show [version]`: the text as it was written. */
export const policyShow = async (
  { client, output, json }: ClientContext,
  version: string | undefined,
): Promise<number> => {
  const policy =
    version === undefined
      ? await client.call(endpoints.policies.active)
      : await client.call(endpoints.policies.get, { params: { version: versionOf(version) } });
  if (json) {
    output.json(policy);
  } else {
    output.note(policyLine(policy).join("  "));
    output.line(foreign(policy.yaml.trimEnd()));
  }
  return exitCodes.ok;
};

/** `policy history`: the versions, newest first. */
export const policyHistory = async ({ client, output, json }: ClientContext): Promise<number> => {
  const list = await client.call(endpoints.policies.list, { query: { pageSize: 100 } });
  if (json) output.json(list);
  else output.line(table(["version", "made", "by", "comment"], list.items.map(policyLine)));
  return exitCodes.ok;
};

type Case = PolicySimulation["items"][number];

/** How long a request waits and what then. */
const handlingText = ({ deadlineSeconds, onTimeout, escalation }: Case["active"]): string => {
  const steps = escalation.map(({ to, afterSeconds }) => `, ${to} after ${afterSeconds} s`).join("");
  return `${deadlineSeconds} s${onTimeout === "escalate" ? steps : `, then ${onTimeout}`}`;
};

const decisionText = (decision: Case["active"], change: Case["change"]): string => {
  const { kind, ruleId } = decision;
  return foreign(`${kind} (${ruleId})${change === "handling" ? `, ${handlingText(decision)}` : ""}`);
};

const caseRow = ({ raisedAt, kind, command, tool, question, active, proposed, change }: Case) => [
  raisedAt,
  kind,
  foreign((command ?? tool ?? question).replaceAll("\n", " ")).slice(0, 60),
  decisionText(active, change),
  decisionText(proposed, change),
  change ?? "",
];

/** How many differ, and how many of them in little. */
const changesText = ({ changed, changes: { handling, rule } }: PolicySimulation): string => {
  const handled = handling === 0 ? "" : `, ${handling} of them only in deadline or escalation`;
  const byOthers = rule === 0 ? "" : `, ${rule} alike by another rule or for another reason`;
  return `${changed} would be decided differently${handled}${byOthers}`;
};

/** The cases as a table, and how far the past was looked at. */
export const showSimulation = (
  simulation: PolicySimulation,
  output: Output,
  proposedName = "this policy",
): void => {
  const { items, considered, isCut, isBounded, activeVersion } = simulation;
  if (items.length > 0) {
    const heads = ["raised", "kind", "what", `version ${activeVersion}`, proposedName, "change"];
    output.line(table(heads, items.map(caseRow)));
  }
  const cut = isCut
    ? "; it took too long, older ones were left out"
    : isBounded
      ? "; there are older ones, which were left out"
      : "";
  output.line(`${considered} past requests looked at, ${changesText(simulation)}${cut}`);
};

/** `policy simulate <file>`: the past, decided by this policy, beside the active one. */
export const policySimulate = async (
  { client, output, json }: ClientContext,
  file: string,
  flags: { readonly limit: string; readonly all?: boolean },
): Promise<number> => {
  const simulation = await client.call(endpoints.policies.simulate, {
    body: {
      yaml: await readPolicyFile(file),
      limit: versionOf(flags.limit),
      onlyChanges: flags.all !== true,
    },
  });
  if (json) output.json(simulation);
  else showSimulation(simulation, output);
  return exitCodes.ok;
};
