import { type Client, createClient } from "@agentvine/client";
import { endpoints, type Task } from "@agentvine/contracts";
import { seededRandom } from "@agentvine/testkit";
import type { JournalCall, JournalEntry } from "./history.ts";
import { Inbox } from "./inbox.ts";
import { insist, knownMs, sleep } from "./insist.ts";
import type { Journal } from "./journal.ts";
import type { PlannedTask } from "./plan.ts";

export interface LoadOptions {
  readonly seed: number;
  readonly serverUrl: string;
  readonly token: string;
  readonly journal: Journal;
  readonly plan: readonly PlannedTask[];
  readonly remotes: { readonly real: string; readonly protocol: string };
  readonly signal: AbortSignal;
}

export interface LoadCounts {
  created: number;
  /** Creations that got no definite answer; the task may exist or not. */
  unknown: number;
  cancelled: number;
  approved: number;
  rejected: number;
  resumed: number;
  retried: number;
  allowed: number;
  denied: number;
  /** Questions that were answered in words. */
  said: number;
}

/** Before anything was done. */
export const noCounts: LoadCounts = {
  created: 0,
  unknown: 0,
  cancelled: 0,
  approved: 0,
  rejected: 0,
  resumed: 0,
  retried: 0,
  allowed: 0,
  denied: 0,
  said: 0,
};

/** Creations wait longer: whoever depends on them waits too, but nobody else. */
const createdMs = 60_000;

/** What people do in a run: ask for tasks, cancel some, look at results, answer questions. */
export class Load {
  readonly counts: LoadCounts = { ...noCounts };
  readonly #people: Inbox;
  readonly client: Client;
  readonly #options: LoadOptions;
  readonly #random: () => number;
  readonly #ids = new Map<string, string>();
  readonly #looked = new Set<string>();
  readonly #retried = new Set<string>();
  readonly #creating = new Map<string, Promise<void>>();
  readonly #pending = new Set<Promise<void>>();

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed ^ 0x10ad);
    this.client = createClient({ baseUrl: options.serverUrl, token: options.token, timeoutMs: 4_000 });
    this.#people = new Inbox(this.client, options.journal, options.seed, this.counts);
  }

  /** Asks for all planned tasks, each at its time, whatever became of the others. */
  async create(): Promise<void> {
    const startedMs = performance.now();
    for (const task of this.#options.plan) {
      await sleep(Math.max(0, task.atMs - (performance.now() - startedMs)));
      if (this.#options.signal.aborted) return;
      const creating = this.#createOne(task);
      this.#creating.set(task.key, creating);
      this.#later(0, () => creating);
    }
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  async #createOne(planned: PlannedTask): Promise<void> {
    const { journal, remotes } = this.#options;
    const { key, isReal, permissionLevel, priority } = planned;
    await Promise.all(planned.dependsOn.flatMap((other) => this.#creating.get(other) ?? []));
    // Those whose creation nobody knows of can't be waited for.
    const dependsOn = planned.dependsOn.flatMap((other) => this.#ids.get(other) ?? []);
    const body = {
      title: `Chaos ${key}`,
      description: planned.isFlood ? "chaos-flood" : "",
      type: isReal ? ("docs" as const) : ("feature" as const),
      repositoryUrl: isReal ? remotes.real : remotes.protocol,
      permissionLevel,
      priority,
      dependsOn,
      metadata: { chaos: key },
    };
    journal.write({ phase: "asked", call: "create", key });
    const answer = await insist(
      () => this.client.call(endpoints.tasks.create, { body, idempotencyKey: `create-${key}` }),
      createdMs,
    );
    if (answer === undefined) {
      this.counts.unknown += 1;
      return;
    }
    if (answer.refusal !== undefined) {
      journal.write({ phase: "refused", call: "create", key, code: answer.refusal.code });
      return;
    }
    const { id } = answer.value;
    journal.write({ phase: "told", call: "create", key, taskId: id });
    this.counts.created += 1;
    this.#ids.set(key, id);
    if (planned.cancelAfterMs !== undefined) this.#later(planned.cancelAfterMs, () => this.#cancel(id));
  }

  #later(ms: number, what: () => Promise<void>): void {
    const pending = sleep(ms)
      .then(what)
      .finally(() => this.#pending.delete(pending));
    this.#pending.add(pending);
  }

  /** One call on a task, journalled; true when it was done. */
  async #ask(call: JournalCall, taskId: string, ask: () => Promise<unknown>): Promise<boolean> {
    const { journal } = this.#options;
    const said: Pick<JournalEntry, "call" | "taskId"> = { call, taskId };
    journal.write({ phase: "asked", ...said });
    const answer = await insist(ask, knownMs);
    if (answer === undefined) return false;
    if (answer.refusal === undefined) {
      journal.write({ phase: "told", ...said });
      return true;
    }
    journal.write({ phase: "refused", ...said, code: answer.refusal.code });
    return false;
  }

  async #cancel(taskId: string): Promise<void> {
    const params = { taskId };
    const body = { reason: "no longer wanted" };
    const idempotencyKey = `cancel-${taskId}`;
    const isDone = await this.#ask("cancel", taskId, () =>
      this.client.call(endpoints.tasks.cancel, { params, body, idempotencyKey }),
    );
    if (isDone) this.counts.cancelled += 1;
  }

  async #tasks(status: Task["status"]): Promise<Task[]> {
    const answer = await insist(
      () => this.client.call(endpoints.tasks.list, { query: { status, pageSize: 100 } }),
      knownMs,
    );
    return answer?.value?.items ?? [];
  }

  /** Settles what waits for a person now. @param isClosing what can never start is cancelled too */
  async tend(isClosing = false): Promise<void> {
    const open = await this.#people.open();
    await Promise.all([
      this.#people.answer(open, isClosing),
      this.#each("in_review", (task) => this.#review(task)),
      this.#resume(new Set(open.map(({ workOrderId }) => workOrderId))),
      this.#each("failed", ({ id }) => this.#retry(id)),
    ]);
    if (!isClosing) return;
    await this.#each("blocked", async ({ id, statusReason }) => {
      if (/failed|cancelled/.test(statusReason)) await this.#cancel(id);
    });
  }

  /** Does it to the tasks that stand so now, several at a time. */
  async #each(status: Task["status"], what: (task: Task) => Promise<void>): Promise<void> {
    const tasks = await this.#tasks(status);
    const hands = Array.from({ length: 4 }, async () => {
      for (let task = tasks.pop(); task !== undefined; task = tasks.pop()) await what(task);
    });
    await Promise.all(hands);
  }

  async #review({ id, statusReason }: Task): Promise<void> {
    const params = { taskId: id };
    if (/^Approved/.test(statusReason)) return;
    if (/^The push failed/.test(statusReason)) {
      await this.#ask("retry", id, () => this.client.call(endpoints.tasks.retry, { params, body: {} }));
      return;
    }
    // Once at most, so that there is an end to it.
    const isSentBack = !this.#looked.has(id) && this.#random() < 0.2;
    this.#looked.add(id);
    const call = isSentBack ? "reject" : "approve";
    const body = isSentBack
      ? { decision: "reject" as const, comment: "Say it more kindly." }
      : { decision: "approve" as const };
    const isDone = await this.#ask(call, id, () =>
      this.client.call(endpoints.tasks.review, { params, body }),
    );
    if (isDone) this.counts[isSentBack ? "rejected" : "approved"] += 1;
  }

  /** @param asking orders whose question is open: it is answered, and only rarely is the work taken up without that */
  async #resume(asking: ReadonlySet<string>): Promise<void> {
    const query = { status: "parked" as const, pageSize: 100 };
    const parked = await insist(() => this.client.call(endpoints.queue.orders, { query }), knownMs);
    for (const { id, taskId } of parked?.value?.items ?? []) {
      if (asking.has(id) && this.#random() < 0.9) continue;
      const body = { workOrderId: id, answer: "Do as you think best." };
      const isDone = await this.#ask("resume", taskId, () =>
        this.client.call(endpoints.queue.resume, { body }),
      );
      if (isDone) this.counts.resumed += 1;
    }
  }

  /** A person takes some failed tasks up once more. */
  async #retry(taskId: string): Promise<void> {
    if (this.#retried.has(taskId)) return;
    this.#retried.add(taskId);
    if (this.#random() < 0.4) return;
    const params = { taskId };
    const isDone = await this.#ask("retry", taskId, () =>
      this.client.call(endpoints.tasks.retry, { params, body: {} }),
    );
    if (isDone) this.counts.retried += 1;
  }
}
