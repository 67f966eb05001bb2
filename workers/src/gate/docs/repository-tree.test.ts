import { describe, expect, it } from "vitest";
import { memorySandbox } from "../testing/memory-sandbox.ts";
import { readTree } from "./repository-tree.ts";

const signal = new AbortController().signal;

describe("readTree", () => {
  it("lists what git tracks, with the folders", async () => {
    const sandbox = memorySandbox({ "a/b/c.md": "# C" }, ({ argv }) => ({
      stdout: argv.includes("check-ignore") ? "dist/x\0" : "a/b/c.md\0README.md\0",
    }));
    const tree = await readTree(sandbox, signal);
    expect([tree.has("a/b"), tree.has("a/"), tree.has("README.md"), tree.has("b")]).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect(await tree.text("a/b/c.md")).toBe("# C");
    expect(await tree.text("none.md")).toBeNull();
    expect(await tree.packageFile("a")).toBeNull();
    expect([...(await tree.ignored(["dist/x", "y"]))]).toEqual(["dist/x"]);
    expect((await tree.ignored([])).size).toBe(0);
  });

  it("looks at the files themselves where git can't tell", async () => {
    const sandbox = memorySandbox({}, ({ argv }) =>
      argv[0] === "git" ? { exitCode: 128 } : { stdout: "./a.md\n./docs/b.md\n" },
    );
    const tree = await readTree(sandbox, signal);
    expect([...tree.files]).toEqual(["a.md", "docs/b.md"]);
    expect((await tree.ignored(["x"])).size).toBe(0);
  });
});
