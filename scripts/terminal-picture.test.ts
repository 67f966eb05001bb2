import { expect, it } from "vitest";
import { choose, draw, spansOf, wrap } from "./terminal-picture.ts";

it("colours begin and end where the recording says, and other control characters are dropped", () => {
  expect(spansOf("\u001b[2m1.0s\u001b[22m \u001b[1;32mok\u001b[0m <end>\r")).toEqual([
    { text: "1.0s", classes: "dim" },
    { text: " ", classes: "" },
    { text: "ok", classes: "bold green" },
    { text: " <end>", classes: "" },
  ]);
});

it("a line that is too long goes on in the next row with its colour", () => {
  expect(wrap(spansOf("ab\u001b[31mcdef"), 4)).toEqual([
    [
      { text: "ab", classes: "" },
      { text: "cd", classes: "red" },
    ],
    [{ text: "ef", classes: "red" }],
  ]);
  expect(wrap([], 4)).toEqual([[]]);
});

it("lines that are left out are marked", () => {
  const lines = ["one", "two", "three", "four", "five"];
  expect(choose(lines, "1-2,4")).toEqual(["one", "two", "\u001b[2m   ⋮\u001b[22m", "four"]);
  expect(choose(lines, "1-2,3-4")).toEqual(["one", "two", "three", "four"]);
});

it("text can't break out of the picture", () => {
  const picture = draw([spansOf("</text><script>&")], "<demo>");
  expect(picture).toContain("&lt;/text&gt;&lt;script&gt;&amp;");
  expect(picture).toContain('aria-label="&lt;demo&gt;"');
  expect(picture.match(/<text /g)).toHaveLength(2);
});
