import { isLiveRequestStatus } from "@agentvine/contracts";
import { modelAnswer } from "../controllers.ts";
import type { HistoryEvent, HistoryRequest, JournalCall, JournalEntry } from "../history.ts";
import { at, type Indexed, type Rule, type RuleName, type Violation } from "./rule.ts";

const endings = new Set<HistoryEvent["type"]>([
  "worker_request.answered",
  "worker_request.denied",
  "worker_request.unanswered",
  "worker_request.expired",
  "worker_request.cancelled",
  "worker_request.superseded",
]);

const isAbout = (id: string, type: HistoryEvent["type"]) => (event: HistoryEvent) =>
  event.type === type && event.data.requestId === id;

/** What the journals say of a call about the request. */
const entriesOf = (
  { journal }: Indexed,
  id: string,
  call: JournalCall,
  phase: JournalEntry["phase"],
): JournalEntry[] =>
  journal.filter((entry) => entry.requestId === id && entry.call === call && entry.phase === phase);

/** Asks each request what is wrong with it; each answer is a violation of the rule. */
const forEach =
  (
    rule: RuleName,
    faultsOf: (request: HistoryRequest, events: readonly HistoryEvent[], history: Indexed) => string[],
  ): Rule =>
  (history) =>
    history.requests.flatMap((request) =>
      faultsOf(request, history.byTask.get(request.taskId) ?? [], history).map(
        (message): Violation => ({
          rule,
          taskId: request.taskId,
          message: `request ${request.id}: ${message}`,
        }),
      ),
    );

const saidOf = ({ decision, text }: JournalEntry): string => decision ?? `"${text}"`;

/** Settled at most once; a person who was told so is the one whose answer stands. */
export const answeredOnce = forEach("answered twice", (request, events, history) => {
  const ends = events.filter((event) => endings.has(event.type) && event.data.requestId === request.id);
  const winners = entriesOf(history, request.id, "answer", "told");
  const stands = (entry: JournalEntry): boolean =>
    request.answerSource === "person" &&
    (entry.decision ?? null) === request.decision &&
    (entry.text ?? "") === request.answerText;
  return [
    ...ends.slice(1).map((event) => `${at(event)} after ${at(ends[0] ?? event)}`),
    ...(winners.length > 1 ? [`${winners.length} people were told that their answer counts`] : []),
    ...winners
      .filter((entry) => !stands(entry))
      .map((entry) => `${saidOf(entry)} was acknowledged, and is not what stands`),
  ];
});

/** Leave is used at most once, by the attempt that the row names, for the very call. */
export const spentOnce = forEach("spent twice", (request, events, history) => {
  const spent = events.filter(isAbout(request.id, "worker_request.spent"));
  const uses = entriesOf(history, request.id, "spend", "told");
  return [
    ...(spent.length > 1 ? [`it was used ${spent.length} times`] : []),
    ...uses.flatMap(({ attempt, subject }) => [
      ...(attempt === request.spentByAttempt
        ? []
        : [`attempt ${attempt} used it, and attempt ${request.spentByAttempt ?? "none"} is said to have`]),
      ...(subject === request.command ? [] : [`it was used for ${subject}, not for ${request.command}`]),
    ]),
  ];
});

/** Whatever is allowed or answered was so by a rule, by a person who was about to say just that, by an earlier answer, or by the model. */
export const allowedBySomebody = forEach("allowed by nobody", (request, events, history) => {
  const { id, status, decision, answerSource } = request;
  const used =
    entriesOf(history, id, "spend", "told").length > 0 || events.some(isAbout(id, "worker_request.spent"));
  if (status !== "answered") return used ? [`it was used, and is ${status}`] : [];
  const raised = events.find(isAbout(id, "worker_request.raised"));
  const isRules = answerSource === "rule" && raised?.data.source === "rule";
  const isEarlier = answerSource === "precedent" && decision === null && raised?.data.source === "precedent";
  const isPersons =
    answerSource === "person" &&
    entriesOf(history, id, "answer", "asked").some(
      (entry) => (entry.decision ?? null) === decision && (entry.text ?? "") === request.answerText,
    );
  // What the model says is known, and that it is asked no approval.
  const isModels =
    answerSource === "controller" && request.kind === "clarification" && request.answerText === modelAnswer;
  return isRules || isEarlier || isPersons || isModels
    ? []
    : [`${answerSource ?? "nobody"} answered, and nobody said so`];
});

/** When all is quiet nothing waits for an answer, and what was raised is there. */
export const nothingWaits: Rule = (history) => {
  const known = new Set(history.requests.map(({ id }) => id));
  const lost = history.journal.filter(
    ({ phase, requestId }) => phase === "told" && requestId !== undefined && !known.has(requestId),
  );
  return [
    ...forEach("waits for ever", ({ status }) =>
      isLiveRequestStatus(status) ? [`it is still ${status}`] : [],
    )(history),
    ...lost.map(({ call, process, requestId, taskId }) => ({
      rule: "acknowledged but lost" as const,
      taskId: taskId ?? null,
      message: `${call} that ${process} was told of: there is no request ${requestId}`,
    })),
  ];
};

/** True for an ending after which the same may be asked again: nobody decided it. */
const isUndecided = ({ type, data }: HistoryEvent): boolean =>
  type !== "worker_request.answered" && (type !== "worker_request.denied" || data.source === "deadline");

/** Nobody is asked what is open, was answered, was turned down by somebody, or was allowed and not used yet. */
export const askedOnce: Rule = ({ requests, byTask }) => {
  const fingerprints = new Map(requests.map(({ id, fingerprint }) => [id, fingerprint]));
  return [...byTask].flatMap(([taskId, events]) => {
    const found: Violation[] = [];
    const standing = new Map<string, unknown>();
    for (const event of events) {
      const { requestId } = event.data;
      const fingerprint = fingerprints.get(String(requestId));
      if (!event.type.startsWith("worker_request.") || fingerprint === undefined) continue;
      if (event.type === "worker_request.raised") {
        const earlier = standing.get(fingerprint);
        if (earlier !== undefined) {
          const message = `request ${String(requestId)} asks what request ${String(earlier)} stands for`;
          found.push({ rule: "asked twice", taskId, message });
        }
        // What a rule allowed was used as it was raised.
        if (event.data.source !== "rule") standing.set(fingerprint, requestId);
      }
      const isOver = event.type === "worker_request.spent" || (endings.has(event.type) && isUndecided(event));
      if (isOver && standing.get(fingerprint) === requestId) standing.delete(fingerprint);
    }
    return found;
  });
};
