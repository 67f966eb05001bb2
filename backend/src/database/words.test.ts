import { describe, expect, it } from "vitest";
import { searchOf, withWordsApart } from "./words.ts";

describe("words of a task", () => {
  it("are apart wherever a mark is between them", () => {
    expect(withWordsApart("src/cart.ts:12 e-mail foo_bar it's {x} ~ Ünï-\\code")).toBe(
      "src cart ts 12 e mail foo bar it s  x    Ünï  code",
    );
  });

  it("are searched for by their beginnings, all of them, and no mark gets through", () => {
    expect(searchOf("  Cart 'total' & !x ")).toBe("'Cart':* & 'total':* & 'x':*");
    expect(searchOf("\\' | ( <-> %_")).toBe("");
    expect(searchOf(Array.from({ length: 30 }, (_, n) => `w${n}`).join(" ")).split(" & ")).toHaveLength(20);
  });
});
