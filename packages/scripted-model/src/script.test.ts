import { describe, expect, test } from "vitest";
import type { Conversation, Turn } from "./conversation.ts";
import { callTool, finish, ScenarioBroken, script } from "./script.ts";

const scenario = script({
  name: "tale",
  marker: "Once upon a time",
  phases: [
    [
      () => callTool("first", "look", { at: "a" }),
      (view) => callTool(view.output("look", "seen", /s/), "look", { at: "b" }),
      () => finish("the end"),
    ],
    [(view) => finish(`again: ${view.instruction}`)],
  ],
});

const turn = (text: string, isError = false): Turn => {
  const call = { id: "1", name: "look", input: { at: "a" } };
  return { text: "", calls: [call], results: [{ call, text, isError }] };
};
const conversation = (...phases: Turn[][]): Conversation => ({
  system: "",
  phases: phases.map((turns, index) => ({ instruction: `instruction ${index}`, turns })),
});
const told = (...phases: Turn[][]) => scenario.respond(conversation(...phases)).text;

describe("a script", () => {
  test("knows its prompt by the marker", () => {
    expect([scenario.matches("… Once upon a time …"), scenario.matches("Once")]).toEqual([true, false]);
  });

  test("takes its place from the conversation alone", () => {
    expect(told([])).toBe("first");
    expect(told([turn("seen")])).toBe("seen");
    expect(told([turn("seen"), turn("seen")])).toBe("the end");
    expect(told([turn("seen"), turn("seen")], [])).toBe("again: instruction 1");
  });

  test("repeats its end when it is asked on, and a step whose tools were interrupted", () => {
    expect(told([turn("seen"), turn("seen"), turn("seen"), turn("seen")])).toBe("the end");
    expect(told([turn("Error: this call was interrupted", true)])).toBe("first");
    expect(told([turn("seen"), turn("Error: this call was interrupted", true)])).toBe("seen");
  });

  test.each([
    ["a tool failed", [[turn("Error: gone", true)]], /look {"at":"a"} failed: Error: gone/],
    ["a tool returned something else", [[turn("nothing")]], /did not return seen but: nothing/],
    ["there is no result", [[{ text: "", calls: [], results: [] }]], /returned nothing for look/],
    ["there is a phase too many", [[], [], []], /nobody should have to say: instruction 2/],
    ["there is no instruction", [], /there is no instruction/],
    ["the output is long", [[turn("x".repeat(5_000))]], /x{300} …$/],
  ])("is broken, and says why, when %s", (_name, phases, reason) => {
    expect(() => told(...phases)).toThrow(ScenarioBroken);
    expect(() => told(...phases)).toThrow(reason);
  });

  test("without steps is broken", () => {
    const empty = script({ name: "empty", marker: "", phases: [[]] });
    expect(() => empty.respond(conversation([]))).toThrow("the phase has no steps");
  });
});
