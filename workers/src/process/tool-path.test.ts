import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { toolPath } from "./tool-path.ts";

const own = dirname(process.execPath);

describe("toolPath", () => {
  it("holds the running Node and the standard directories when nothing is given", () => {
    for (const path of [undefined, "", ".:bin"]) {
      expect(toolPath(path).split(":")).toEqual(expect.arrayContaining([own, "/usr/bin", "/bin"]));
    }
  });

  it("keeps the order somebody chose, and drops what depends on the current directory", () => {
    expect(toolPath(`/mine:.:${own}:/last`)).toBe(`/mine:${own}:/last`);
    expect(toolPath("/mine")).toBe(`${own}:/mine`);
  });
});
