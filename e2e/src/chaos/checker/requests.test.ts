import type { EventType } from "@agentvine/contracts";
import { describe, expect, it } from "vitest";
import { modelAnswer } from "../controllers.ts";
import type { History, HistoryRequest, JournalEntry } from "../history.ts";
import { checkHistory, type RuleName, requestRules } from "./index.ts";
import { first, healthyHistory, leave, question } from "./sample-history.ts";

const seen = new Set<string>();

/** The rules that a history breaks, each once. */
const broken = (history: History): RuleName[] => {
  const rules = [...new Set(checkHistory(history).map(({ rule }) => rule))];
  for (const rule of rules) seen.add(rule);
  return rules;
};

const withRequest = (id: string, change: Partial<HistoryRequest>): History => {
  const history = healthyHistory();
  return {
    ...history,
    requests: history.requests.map((request) => (request.id === id ? { ...request, ...change } : request)),
  };
};

const withEntry = (entry: Partial<JournalEntry> & Pick<JournalEntry, "call">): History => {
  const history = healthyHistory();
  const full = { process: "p", seq: 99, atMs: 0, phase: "told" as const, taskId: first, ...entry };
  return { ...history, journal: [...history.journal, full] };
};

const withoutEntries = (requestId: string, call: JournalEntry["call"]): History => {
  const history = healthyHistory();
  const isGone = (entry: JournalEntry) => entry.requestId === requestId && entry.call === call;
  return { ...history, journal: history.journal.filter((entry) => !isGone(entry)) };
};

/** Puts an event of a request behind the last one of that type. */
function withEvent(
  history: History,
  behind: EventType,
  type: EventType,
  { requestId = leave, ...data }: Record<string, unknown> = {},
): History {
  const place = history.events.findLastIndex((event) => event.type === behind && event.taskId === first);
  const before = history.events[place];
  if (before === undefined) throw new Error(`there is no ${behind}`);
  const added = { ...before, id: "added", type, data: { requestId, ...data } };
  const events = history.events.toSpliced(place + 1, 0, added);
  return { ...history, events: events.map((event, n) => ({ ...event, position: n + 1 })) };
}

describe("the checker of requests in the chaos run", () => {
  it("is content with leave that was asked for, adopted, given and used once, and with an answered question", () => {
    expect(checkHistory(healthyHistory())).toEqual([]);
  });

  it("names a request that was settled twice, whatever the second ending is", () => {
    for (const again of ["worker_request.denied", "worker_request.superseded"] as const) {
      const history = withEvent(healthyHistory(), "worker_request.answered", again);
      expect(broken(history)).toContain("answered twice");
    }
  });

  it("names two people who were told that their answers count, and one whose answer does not stand", () => {
    const second = withEntry({ call: "answer", requestId: leave, decision: "allow" });
    expect(broken(second)).toEqual(["answered twice"]);
    expect(broken(withEntry({ call: "answer", requestId: leave, decision: "deny" }))).toEqual([
      "answered twice",
    ]);
    expect(broken(withEntry({ call: "answer", requestId: question, text: "other" }))).toEqual([
      "answered twice",
    ]);
    expect(
      broken(withEntry({ phase: "refused", call: "answer", requestId: leave, decision: "deny" })),
    ).toEqual([]);
  });

  it("names leave that is used twice, by another attempt, or for another call", () => {
    const twice = withEvent(healthyHistory(), "worker_request.spent", "worker_request.spent");
    expect(broken(twice)).toEqual(["spent twice"]);
    const use = { call: "spend" as const, requestId: leave, attempt: 2, subject: "deploy" };
    expect(broken(withEntry({ ...use, attempt: 1 }))).toEqual(["spent twice"]);
    expect(broken(withEntry({ ...use, subject: "deploy --force" }))).toEqual(["spent twice"]);
    // A repeat by the attempt that used it is a reply that got lost.
    expect(broken(withEntry(use))).toEqual([]);
  });

  it("names what was allowed or answered though nobody was about to say so", () => {
    expect(broken(withoutEntries(leave, "answer"))).toEqual(["allowed by nobody"]);
    expect(broken(withoutEntries(question, "answer"))).toEqual(["allowed by nobody"]);
    for (const answerSource of ["deadline", "rule", "precedent", "controller", null] as const) {
      expect(broken(withRequest(leave, { answerSource }))).toContain("allowed by nobody");
    }
  });

  it("is content with a clarification that the model answered, and with nothing else of a controller", () => {
    const said = { kind: "clarification" as const, answerSource: "controller" as const };
    const silent = withoutEntries(question, "answer");
    const withAnswer = (change: Partial<HistoryRequest>): History => ({
      ...silent,
      requests: silent.requests.map((one) => (one.id === question ? { ...one, ...change } : one)),
    });
    expect(broken(withAnswer({ ...said, answerText: modelAnswer }))).toEqual([]);
    expect(broken(withAnswer({ ...said, answerText: "something" }))).toEqual(["allowed by nobody"]);
    expect(broken(withAnswer({ ...said, kind: "question", answerText: modelAnswer }))).toEqual([
      "allowed by nobody",
    ]);
  });

  it("names leave that was used without being given", () => {
    expect(broken(withRequest(leave, { status: "denied", decision: "deny" }))).toContain("allowed by nobody");
    expect(broken(withRequest(leave, { status: "superseded" }))).toContain("allowed by nobody");
  });

  it("names a request that is still open when all is quiet, and one that was acknowledged and is gone", () => {
    for (const status of ["pending", "automated", "human"] as const) {
      expect(broken(withRequest(question, { status }))).toContain("waits for ever");
    }
    expect(broken(withEntry({ call: "raise", requestId: "r9" }))).toEqual(["acknowledged but lost"]);
  });

  it("names a question that people are asked while it is open, answered, refused, or allowed and not used", () => {
    const again = (history: History): History => ({
      ...history,
      requests: [
        ...history.requests,
        {
          ...{ id: "r3", taskId: first, kind: "approval", status: "superseded", fingerprint: "f1" },
          ...{ command: "deploy", decision: null, answerSource: null, answerText: "", spentByAttempt: null },
        },
      ],
    });
    const asksAgain = (behind: EventType, history = healthyHistory()) =>
      broken(again(withEvent(history, behind, "worker_request.raised", { requestId: "r3" })));
    expect(asksAgain("worker_request.raised")).toEqual(["asked twice"]);
    expect(asksAgain("worker_request.answered")).toEqual(["asked twice"]);
    // It was used: the next call needs leave of its own.
    expect(asksAgain("worker_request.spent")).toEqual([]);

    const ended = (type: EventType, source: string): History => {
      const { events, ...rest } = healthyHistory();
      const changed = events.map((event) =>
        event.type === "worker_request.answered" && event.taskId === first
          ? { ...event, type, data: { requestId: leave, source } }
          : event,
      );
      return { ...rest, events: changed };
    };
    expect(asksAgain("worker_request.denied", ended("worker_request.denied", "person"))).toContain(
      "asked twice",
    );
    // What nobody decided may be asked again.
    expect(asksAgain("worker_request.denied", ended("worker_request.denied", "deadline"))).not.toContain(
      "asked twice",
    );
    expect(
      asksAgain("worker_request.superseded", ended("worker_request.superseded", "system")),
    ).not.toContain("asked twice");
  });

  it("has a test in which it bites for each of its rules", () => {
    expect([...seen]).toEqual(expect.arrayContaining([...requestRules]));
  });
});
