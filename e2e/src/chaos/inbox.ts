import type { Client } from "@agentvine/client";
import { endpoints, type WorkerRequest } from "@agentvine/contracts";
import { seededRandom } from "@agentvine/testkit";
import type { JournalEntry } from "./history.ts";
import { insist, knownMs } from "./insist.ts";
import type { Journal } from "./journal.ts";

/** How many requests people have settled. */
interface AnswerCounts {
  allowed: number;
  denied: number;
  said: number;
}

/** The stand-in for people who answer what agents ask, over the API. */
export class Inbox {
  readonly #client: Client;
  readonly #journal: Journal;
  readonly #random: () => number;
  readonly #counts: AnswerCounts;
  #answers = 0;

  constructor(client: Client, journal: Journal, seed: number, counts: AnswerCounts) {
    this.#client = client;
    this.#journal = journal;
    this.#random = seededRandom(seed ^ 0x1b0c);
    this.#counts = counts;
  }

  /** What waits for an answer, the longest waiting first. */
  async open(): Promise<WorkerRequest[]> {
    const query = { isLive: true, order: "asc" as const, pageSize: 100 };
    const list = await insist(() => this.#client.call(endpoints.workerRequests.list, { query }), knownMs);
    return list?.value?.items ?? [];
  }

  /** Settles what waits for people; some of it is left for the next time, unless this is the end. */
  async answer(open: readonly WorkerRequest[], isClosing: boolean): Promise<void> {
    const left = open.filter(({ status }) => status === "human" && (isClosing || this.#random() < 0.5));
    const hands = Array.from({ length: 4 }, async () => {
      for (let request = left.pop(); request !== undefined; request = left.pop()) {
        // Two people at once, now and then, who do not agree.
        const people = this.#random() < 0.2 ? 2 : 1;
        const seen = request;
        await Promise.all(Array.from({ length: people }, () => this.#answerOne(seen)));
      }
    });
    await Promise.all(hands);
  }

  async #answerOne({ id: requestId, taskId, kind, generation }: WorkerRequest): Promise<void> {
    this.#answers += 1;
    const said: Pick<JournalEntry, "decision" | "text"> =
      kind === "approval"
        ? { decision: this.#random() < 0.75 ? "allow" : "deny" }
        : { text: `answer ${this.#answers}` };
    const entry = { call: "answer" as const, requestId, taskId, ...said };
    this.#journal.write({ phase: "asked", ...entry });
    const answer = await insist(
      () =>
        this.#client.call(endpoints.workerRequests.answer, {
          params: { requestId },
          body: { generation, ...said },
        }),
      knownMs,
    );
    if (answer === undefined) return;
    if (answer.refusal !== undefined) {
      this.#journal.write({ phase: "refused", ...entry, code: answer.refusal.code });
      return;
    }
    this.#journal.write({ phase: "told", ...entry });
    this.#counts[kind !== "approval" ? "said" : said.decision === "allow" ? "allowed" : "denied"] += 1;
  }
}
