import { type AnswerScope, answerScopes, endpoints, type WorkerRequest } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import { exitCodes } from "../exit-code.ts";
import { foreign } from "../output/output.ts";
import { answerText } from "../output/request-view.ts";
import type { ClientContext } from "./command.ts";
import { showProposal } from "./policy-proposals.ts";
import { findRequest } from "./request-id.ts";

export interface InboxAnswerFlags {
  readonly allow?: boolean;
  readonly deny?: boolean;
  readonly choice?: string;
  readonly edit?: string;
  readonly scope?: string;
  readonly alike?: boolean;
  readonly comment?: string;
}

const usage = (message: string): AppError => new AppError("command.usage", message);

const scopeOf = (given: string | undefined): AnswerScope | undefined => {
  if (given === undefined) return undefined;
  const scope = answerScopes.find((one) => one === given);
  if (scope === undefined) throw usage(`--scope is one of ${answerScopes.join(", ")}, not "${given}"`);
  return scope;
};

/** The id of the option meant by its id or its number. */
const choiceOf = ({ options }: WorkerRequest, given: string): string => {
  const byId = options.find(({ id }) => id === given);
  const byNumber = /^[1-9]\d?$/.test(given) ? options[Number(given) - 1] : undefined;
  const option = byId ?? byNumber;
  if (option === undefined) {
    const offered = options.map(({ id }, index) => `${index + 1} (${id})`).join(", ");
    throw usage(offered === "" ? "no options are offered: answer in words" : `choose one of ${offered}`);
  }
  return option.id;
};

const decisionOf = (flags: InboxAnswerFlags): "allow" | "deny" | undefined => {
  if (flags.allow === true && flags.deny === true) throw usage("say either --allow or --deny");
  if (flags.deny === true && flags.edit !== undefined)
    throw usage("--edit allows a changed command: leave out --deny");
  if (flags.allow === true || flags.edit !== undefined) return "allow";
  return flags.deny === true ? "deny" : undefined;
};

const approvalBody = (text: string | undefined, flags: InboxAnswerFlags) => {
  const decision = decisionOf(flags);
  if (decision === undefined) throw usage("an approval takes --allow, --deny or --edit <command>");
  if (flags.choice !== undefined) throw usage("an approval has no choice: say --allow or --deny");
  const comment = flags.comment ?? text;
  return {
    decision,
    ...(flags.edit === undefined ? {} : { editedCommand: flags.edit }),
    ...(comment === undefined ? {} : { comment }),
  };
};

const wordsBody = (request: WorkerRequest, text: string | undefined, flags: InboxAnswerFlags) => {
  if (decisionOf(flags) !== undefined) throw usage(`a ${request.kind} is answered in words or with --choice`);
  if (flags.choice === undefined && (text === undefined || text.trim() === ""))
    throw usage("give an answer in words, or --choice");
  return {
    ...(flags.choice === undefined ? {} : { choice: choiceOf(request, flags.choice) }),
    ...(text === undefined ? {} : { text }),
    ...(flags.comment === undefined ? {} : { comment: flags.comment }),
  };
};

/** What the flags and words amount to for this request. @throws AppError `command.usage` when they do not fit it */
export const answerBody = (request: WorkerRequest, text: string | undefined, flags: InboxAnswerFlags) => {
  const scope = scopeOf(flags.scope);
  return {
    generation: request.generation,
    ...(scope === undefined ? {} : { scope }),
    ...(request.kind === "approval" ? approvalBody(text, flags) : wordsBody(request, text, flags)),
  };
};

/** Gives the request and the others like it the same answer; each stands or fails by itself. Exit code 1 when one failed. */
const answerAlike = async (
  { client, output, json }: ClientContext,
  request: WorkerRequest,
  { generation: _generation, ...given }: ReturnType<typeof answerBody>,
): Promise<number> => {
  const query = { alikeTo: request.id, sort: "raisedAt", order: "asc", pageSize: 99 } as const;
  const { items: others } = await client.call(endpoints.workerRequests.list, { query });
  const all = [request, ...others];
  const requests = all.map(({ id, generation }) => ({ id, generation }));
  const titleOf = new Map(all.map(({ id, taskTitle }) => [id, foreign(taskTitle)]));
  const { items } = await client.call(endpoints.workerRequests.bulkAnswer, { body: { requests, ...given } });
  if (json) output.json({ items });
  else
    for (const { id, request: answered, error } of items)
      output.line(
        `${id}  ${titleOf.get(id) ?? ""}  ${answered === null ? foreign(`${error?.message ?? ""} (${error?.code ?? ""})`) : answerText(answered, output)}`,
      );
  return items.every(({ error }) => error === null) ? exitCodes.ok : exitCodes.failed;
};

/**
 * `inbox answer <id> [text]`: settles a request. Somebody who was first wins: their answer is told. With `--scope rule` it shows the rule
 * that was proposed, and what it would have changed.
 */
export const inboxAnswer = async (
  context: ClientContext,
  given: string,
  text: string | undefined,
  flags: InboxAnswerFlags,
): Promise<number> => {
  const { client, output, json } = context;
  const request = await findRequest(client, given);
  const body = answerBody(request, text, flags);
  if (flags.alike === true) return await answerAlike(context, request, body);
  const answered = await client.call(endpoints.workerRequests.answer, {
    params: { requestId: request.id },
    body,
  });
  if (json) {
    output.json(answered);
    return exitCodes.ok;
  }
  output.line(`${answered.id}  ${answerText(answered, output)}`);
  const proposal = answered.answer?.ruleProposal ?? null;
  if (proposal?.id != null) await showProposal(context, proposal.id);
  else if (proposal !== null) output.line(foreign(proposal.refusal));
  return exitCodes.ok;
};
