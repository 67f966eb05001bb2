import type { Client } from "@agentvine/client";
import { endpoints, type RuleProposal, type RuleProposalDetail } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import { exitCodes } from "../exit-code.ts";
import { foreign, type Output } from "../output/output.ts";
import { oneLine } from "../output/plain-text.ts";
import { table } from "../output/table.ts";
import type { ClientContext } from "./command.ts";
import { matchGivenId, readGivenId } from "./given-id.ts";
import { type PolicyChangeFlags, showChange } from "./policy-change.ts";
import { showSimulation, versionOf } from "./policy-show.ts";

/**
 * The id of a proposal: given whole, or as an end or beginning of it that is unique among the 100 newest.
 * @throws AppError `rule_proposal.not_found`, or `command.usage` when several match
 */
const proposalIdOf = async (client: Client, given: string): Promise<string> => {
  const { id, isWhole } = readGivenId(given, "proposal");
  if (isWhole) return id;
  const { items } = await client.call(endpoints.policies.proposals, { query: { pageSize: 100 } });
  const match = matchGivenId(items, given, "proposal");
  if (match === undefined) throw new AppError("rule_proposal.not_found", `no proposal has the id ${given}`);
  return match.id;
};

const statusText = ({ status, decidedBy, policyVersion, comment }: RuleProposal): string => {
  if (status === "open") return status;
  const into = policyVersion === null ? "" : `, version ${policyVersion}`;
  return `${status} by ${decidedBy?.username ?? "-"}${into}${comment === "" ? "" : `: ${comment}`}`;
};

const proposalTable = (proposals: readonly RuleProposal[]): string =>
  table(
    ["ID", "PROPOSED", "BY", "RULE", "ASKED", "STATUS"],
    proposals.map((proposal) => [
      proposal.id.slice(-8),
      proposal.createdAt,
      foreign(proposal.author.username),
      foreign(proposal.rule.id),
      oneLine(proposal.question, 50),
      foreign(statusText(proposal)),
    ]),
  );

const showDetail = (proposal: RuleProposalDetail, output: Output): void => {
  const { id, yaml, replay, obstacle, status } = proposal;
  output.line(`proposed rule ${id} (${foreign(statusText(proposal))})`);
  output.line(foreign(yaml.trimEnd()));
  if (replay !== null) showSimulation(replay, output, "with the rule");
  if (status !== "open") return;
  output.note(
    obstacle === ""
      ? `It decides nothing yet: agentvine policy accept ${id.slice(-8)} | dismiss ${id.slice(-8)}`
      : foreign(`It can't be accepted as things stand: ${obstacle}.`),
  );
};

/** Shows a proposal with its replay. */
export const showProposal = async ({ client, output }: ClientContext, proposalId: string): Promise<void> =>
  showDetail(await client.call(endpoints.policies.proposal, { params: { proposalId } }), output);

/** `policy proposals [id]`: those that are open, newest first; or one, with what it would change. */
export const policyProposals = async (
  { client, output, json }: ClientContext,
  given: string | undefined,
  { all, limit }: { readonly all?: boolean; readonly limit: string },
): Promise<number> => {
  if (given !== undefined) {
    const params = { proposalId: await proposalIdOf(client, given) };
    const query = { limit: versionOf(limit) };
    const proposal = await client.call(endpoints.policies.proposal, { params, query });
    if (json) output.json(proposal);
    else showDetail(proposal, output);
    return exitCodes.ok;
  }
  const list = await client.call(endpoints.policies.proposals, {
    query: { pageSize: 100, ...(all === true ? {} : { status: ["open"] }) },
  });
  if (json) output.json(list);
  else if (list.items.length === 0) output.line("no rule is proposed");
  else output.line(proposalTable(list.items));
  return exitCodes.ok;
};

/** `policy accept <id>`: shows the replay and makes the policy it was judged by, with the rule, the active one. */
export const policyAccept = async (
  context: ClientContext,
  given: string,
  { basedOn, comment = "" }: PolicyChangeFlags,
): Promise<number> => {
  const { client, output, json } = context;
  const proposalId = await proposalIdOf(client, given);
  const { replay, obstacle, status } = await client.call(endpoints.policies.proposal, {
    params: { proposalId },
  });
  if (status === "open" && replay === null && basedOn === undefined)
    throw new AppError("rule_proposal.without_effect", `The rule can't be accepted: ${obstacle}`);
  const basedOnVersion = basedOn === undefined ? (replay?.activeVersion ?? 1) : versionOf(basedOn);
  if (!json && replay !== null) showSimulation(replay, output, "with the rule");
  const body = { basedOnVersion, comment };
  const accepted = await client.call(endpoints.policies.acceptProposal, { params: { proposalId }, body });
  if (json) {
    output.json(accepted);
  } else {
    const params = { version: accepted.policyVersion ?? basedOnVersion };
    await showChange(context, await client.call(endpoints.policies.get, { params }));
  }
  return exitCodes.ok;
};

/** `policy dismiss <id>`: ends a proposal without a change. */
export const policyDismiss = async (
  { client, output, json }: ClientContext,
  given: string,
  { comment = "" }: PolicyChangeFlags,
): Promise<number> => {
  const params = { proposalId: await proposalIdOf(client, given) };
  const dismissed = await client.call(endpoints.policies.dismissProposal, { params, body: { comment } });
  if (json) output.json(dismissed);
  else output.line(`${dismissed.id}  ${foreign(statusText(dismissed))}`);
  return exitCodes.ok;
};
