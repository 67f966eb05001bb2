import type { PresentPeople } from "@agentvine/contracts";
import { presentPeopleMax } from "@agentvine/contracts";

/** Who is in a conversation, as one backend says. */
export interface PresenceReport {
  /** Id of the backend. */
  readonly source: string;
  readonly conversationId: string;
  /** Null: a free conversation. */
  readonly taskId: string | null;
  readonly people: PresentPeople;
}

interface Kept extends PresenceReport {
  readonly saidAtMs: number;
}

/** One entry per person: with two tabs, they look when one of them does. */
export function mergedPeople(all: PresentPeople): PresentPeople {
  const byUser = new Map<string, PresentPeople[number]>();
  for (const { userId, isLooking, isTyping } of all) {
    const before = byUser.get(userId);
    byUser.set(userId, {
      userId,
      isLooking: isLooking || before?.isLooking === true,
      isTyping: isTyping || before?.isTyping === true,
    });
  }
  return [...byUser.values()].sort((a, b) => (a.userId < b.userId ? -1 : 1)).slice(0, presentPeopleMax);
}

const hasLooking = ({ people }: PresenceReport, userId: string): boolean =>
  people.some((person) => person.userId === userId && person.isLooking);

/** What the backends have said of who is where. A backend that is not heard of for `staleMs` has nobody any more. */
export function createPresenceBook(nowMs: () => number, staleMs: number) {
  const reports = new Map<string, Map<string, Kept>>();
  const fresh = (conversationId: string): Kept[] =>
    [...(reports.get(conversationId)?.values() ?? [])].filter(({ saidAtMs }) => nowMs() - saidAtMs < staleMs);

  return {
    /** Takes what a backend says; it replaces what the same said before. */
    note: (report: PresenceReport): void => {
      const { source, conversationId, people } = report;
      const own = reports.get(conversationId) ?? new Map<string, Kept>();
      if (people.length === 0) own.delete(source);
      else own.set(source, { ...report, saidAtMs: nowMs() });
      if (own.size === 0) reports.delete(conversationId);
      else reports.set(conversationId, own);
    },
    peopleIn: (conversationId: string): PresentPeople =>
      mergedPeople(fresh(conversationId).flatMap(({ people }) => people)),
    /** Whether a person has the conversation of a task before their eyes, at any backend. */
    isLooking: (userId: string, taskId: string): boolean =>
      [...reports.keys()].some((conversationId) =>
        fresh(conversationId).some((report) => report.taskId === taskId && hasLooking(report, userId)),
      ),
    /** Whether a person has this before their eyes, at any backend. */
    isAt: (userId: string, conversationId: string): boolean =>
      fresh(conversationId).some((report) => hasLooking(report, userId)),
    /** Forgets what has become stale. @returns the conversations whose people are others now */
    sweep: (): string[] => {
      const changed: string[] = [];
      for (const [conversationId, kept] of reports) {
        const stay = fresh(conversationId);
        if (stay.length === kept.size) continue;
        changed.push(conversationId);
        if (stay.length === 0) reports.delete(conversationId);
        else reports.set(conversationId, new Map(stay.map((report) => [report.source, report])));
      }
      return changed;
    },
  };
}
