import { describe, expect, it } from "vitest";
import { someServices } from "../../agents/testing/turn-fixture.ts";
import { createRelayCalls, type RelayCallsOptions } from "./relay-calls.ts";

const call = { tool: "report_progress", arguments: { message: "half of it" } };
const waiting = new AbortController().signal;

const relayWith = (change: Partial<RelayCallsOptions>) =>
  createRelayCalls({
    questions: { ask: () => Promise.reject(new Error("down")), comeBack: () => Promise.reject() },
    services: someServices(),
    hear: async () => [],
    // Nothing is ever late here.
    sleep: () => new Promise(() => undefined),
    onEvent: () => undefined,
    ...change,
  });

describe("what people write while an agent calls", () => {
  it("comes with any reply, also one that says what is wrong", async () => {
    const answer = relayWith({
      hear: async () => ["Message from Ada: use tabs", "Message from Bob: please"],
    });
    for (const [tool, said] of [
      ["report_progress", /^Noted|^Nothing/],
      ["ask_controller", /^down/],
      ["no_tool", /^There is no tool/],
    ] as const) {
      const { text } = await answer({ tool, arguments: { message: "m", question: "q" } }, waiting);
      expect(text).toMatch(said);
      expect(text).toMatch(/\n\nMessage from Ada: use tabs\n\nMessage from Bob: please$/);
    }
  });

  it("is data as well where the reply is", async () => {
    const data = { percent: 1 };
    const services = someServices({
      reportProgress: async () => ({ isError: false, text: "Noted.", data }),
    });
    const heard = ["Message from Ada: use tabs"];
    expect((await relayWith({ services, hear: async () => heard })(call, waiting)).data).toEqual({
      ...data,
      messages: heard,
    });
    expect((await relayWith({ services })(call, waiting)).data).toEqual(data);
  });

  it("does not hold up a reply, and is left for another one when it comes too late", async () => {
    const wanted: boolean[] = [];
    let come = (): void => undefined;
    const answer = relayWith({
      sleep: async () => undefined,
      hear: async (isWanted = () => true) => {
        await new Promise<void>((resolve) => {
          come = resolve;
        });
        wanted.push(isWanted());
        return isWanted() ? ["late"] : [];
      },
    });
    expect(await answer(call, waiting)).toMatchObject({ isError: false, text: "Nothing." });
    come();
    await Promise.resolve();
    expect(wanted).toEqual([false]);
  });

  it("is left for another reply when nobody waits for this one any more", async () => {
    const cancelled = new AbortController();
    cancelled.abort("cancelled");
    const wanted: boolean[] = [];
    const answer = relayWith({
      hear: async (isWanted = () => true) => {
        wanted.push(isWanted());
        return [];
      },
    });
    await answer(call, waiting);
    await answer(call, cancelled.signal);
    expect(wanted).toEqual([true, false]);
  });
});
