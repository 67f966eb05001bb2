import { describe, expect, it } from "vitest";
import { parseCommandLine } from "./command-line.ts";

describe("parseCommandLine", () => {
  it.each([
    ["agent --go {promptFile}", ["agent", "--go", "{promptFile}"]],
    [`  agent 'two words' "it's" --x='' `, ["agent", "two words", "it's", "--x="]],
    [`agent '' $HOME *`, ["agent", "", "$HOME", "*"]],
    [`["agent", "a b"]`, ["agent", "a b"]],
  ])("splits %s into words, with no shell", (text, expected) => {
    expect(parseCommandLine(text)).toEqual(expected);
  });

  it.each(["", "  ", "[]", `[1]`, `["a"`, `agent "open`])("refuses %j", (text) => {
    expect(() => parseCommandLine(text)).toThrow(/can't be used/);
  });
});
