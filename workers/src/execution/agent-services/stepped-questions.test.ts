import { deferred } from "@agentvine/kit";
import { describe, expect, it } from "vitest";
import type { Answer } from "../../agents/agent-driver.ts";
import { SteppedQuestions, type SteppedQuestionsOptions } from "./stepped-questions.ts";

const pending: Answer = { kind: "pending", requestId: "r1" };
const yes: Answer = { kind: "answered", text: "yes", by: "ada" };
const question = { kind: "question", text: "Which port?" } as const;

/** A desk whose looks last as long as they may, unless an answer is there. */
const world = (change: Partial<SteppedQuestionsOptions> = {}) => {
  let nowMs = 0;
  const clock = { now: () => new Date(nowMs), monotonicMs: () => nowMs };
  const tick = (ms: number): void => {
    nowMs += ms;
  };
  const waits: number[] = [];
  let answer: Answer | undefined;
  const look = async (ms: number): Promise<Answer> => {
    waits.push(ms);
    if (answer !== undefined) return answer;
    tick(ms);
    return pending;
  };
  const questions = new SteppedQuestions({
    desk: {
      ask: (_question, limits) => look(limits?.liveMsMax ?? 0),
      lookAt: (_id, ms) => look(ms),
    },
    ...{ liveMsMax: 240_000, stepMs: 45_000, clock, signal: new AbortController().signal },
    // Nothing is ever late here.
    sleep: () => new Promise(() => undefined),
    ...change,
  });
  return {
    questions,
    tick,
    waits,
    answer: (given: Answer) => {
      answer = given;
    },
  };
};

describe("a question of an agent whose calls are cut after a minute", () => {
  it("is waited for in steps below 45 s, 240 s in all; then the agent has to end its turn", async () => {
    const { questions, waits } = world();
    const steps = [await questions.ask(question)];
    for (let step = steps[0]; step?.kind === "pending" && !step.isOver; step = steps.at(-1))
      steps.push(await questions.comeBack(step.ticket));
    expect(waits).toEqual([40_000, 40_000, 40_000, 40_000, 40_000, 40_000]);
    expect(steps.map((step) => step.kind === "pending" && step.isOver)).toEqual([
      ...Array(5).fill(false),
      true,
    ]);
  });

  it("that was waited for long enough is looked at and not waited for, and an answer that is there is given", async () => {
    const { questions, tick, waits, answer } = world({ liveMsMax: 50_000 });
    const first = await questions.ask(question);
    if (first.kind !== "pending") throw new Error(first.kind);
    tick(60_000);
    expect(await questions.comeBack(first.ticket)).toMatchObject({ kind: "pending", isOver: true });
    expect(waits.at(-1)).toBe(0);
    answer(yes);
    expect(await questions.comeBack(first.ticket)).toEqual({ kind: "settled", answer: yes });
  });

  it("asked again instead of waited for gets no second time to wait", async () => {
    const { questions } = world({ liveMsMax: 100_000 });
    await questions.ask(question);
    await questions.ask(question);
    expect(await questions.ask(question)).toMatchObject({ kind: "pending", isOver: true });
  });

  it("is answered once more when the reply was lost, without another look", async () => {
    const { questions, waits, answer } = world();
    const first = await questions.ask(question);
    if (first.kind !== "pending") throw new Error(first.kind);
    answer(yes);
    await questions.comeBack(first.ticket);
    const looks = waits.length;
    expect(await questions.comeBack(first.ticket)).toEqual({ kind: "settled", answer: yes });
    expect(waits).toHaveLength(looks);
  });

  it("is pending in time though the backend is away, asked once, and answered when that is back", async () => {
    const raised = deferred<Answer>();
    let asked = 0;
    const { questions } = world({
      desk: {
        ask: async () => {
          asked += 1;
          return await raised.promise;
        },
        lookAt: async () => yes,
      },
      sleep: async () => undefined,
    });
    const first = await questions.ask(question);
    expect(first).toMatchObject({ kind: "pending", isOver: false });
    if (first.kind !== "pending") return;
    expect(await questions.comeBack(first.ticket)).toMatchObject({ kind: "pending" });
    raised.resolve(yes);
    await raised.promise;
    expect(await questions.comeBack(first.ticket)).toEqual({ kind: "settled", answer: yes });
    expect(asked).toBe(1);
  });

  it("of another turn, or of nobody, is not known; too many at once are refused until one is answered", async () => {
    const { questions, answer } = world({ liveMsMax: 0 });
    expect(await questions.comeBack("q1")).toEqual({ kind: "unknown_ticket" });
    for (let count = 0; count < 20; count += 1) await questions.ask(question);
    expect(await questions.ask(question)).toEqual({ kind: "too_many" });
    answer(yes);
    await questions.comeBack("q7");
    expect(await questions.ask(question)).toMatchObject({ kind: "settled" });
  });
});
