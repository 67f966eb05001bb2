import { describe, expect, it } from "vitest";
import { createCappedOutput } from "./capped-output.ts";

const capped = (bytesMax: number, ...chunks: string[]) => {
  const output = createCappedOutput(bytesMax);
  for (const chunk of chunks) {
    output.push(Buffer.from(chunk));
  }
  return output;
};

describe("createCappedOutput", () => {
  it("keeps everything that fits, byte for byte", () => {
    const output = capped(10, "abc", "defg", "hij");
    expect(output.text()).toBe("abcdefghij");
    expect(output.isTruncated).toBe(false);
  });

  it("keeps the first and the last half of more, whatever the chunks", () => {
    for (const size of [1, 2, 3, 7, 100]) {
      const text = "0123456789".repeat(100);
      const chunks = text.match(new RegExp(`.{1,${size}}`, "g")) ?? [];
      const output = capped(20, ...chunks);
      expect(output.text()).toBe("0123456789\n[… 980 bytes left out …]\n0123456789");
      expect(output.totalBytes).toBe(1_000);
    }
  });

  it("stays bounded for very many tiny chunks", () => {
    const output = createCappedOutput(100);
    for (let index = 0; index < 20_000; index += 1) {
      output.push(Buffer.from("x"));
    }
    expect(output.text()).toHaveLength(100 + "\n[… 19,900 bytes left out …]\n".length);
  });

  it("cuts between characters, never inside one", () => {
    for (let max = 8; max < 24; max += 1) {
      for (const character of ["é", "…", "😀"]) {
        expect(capped(max, character.repeat(30)).text()).not.toContain("\ufffd");
      }
    }
  });

  it("keeps nothing but the marker when told to keep nothing", () => {
    expect(capped(0, "abc").text()).toBe("\n[… 3 bytes left out …]\n");
  });
});
