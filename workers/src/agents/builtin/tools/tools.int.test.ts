import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { useTempDir } from "@agentvine/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Sandbox } from "../../../sandbox/sandbox.ts";
import { createSecretRedactor } from "../../secret-redactor.ts";
import { openSandbox, openWorkspace, recordedTurn } from "../../testing/turn-fixture.ts";
import { runToolCall } from "./run-tool-call.ts";

const dir = useTempDir();

const files = {
  "README.md": "# shop\n",
  "src/cart.js": "export const one = 1;\nexport const two = 2;\nexport const three = 3;\n",
  "src/windows.js": "const a = 1;\r\nconst b = 2;\r\n",
  "docs/notes.txt": "one\n\ntwo\n",
  ".gitignore": "ignored/\n",
};

async function workspace(): Promise<Sandbox> {
  const sandbox = await openWorkspace(dir(), files);
  onTestFinished(() => sandbox.close());
  return sandbox;
}

/** Calls a tool as the model would. */
async function use(
  sandbox: Sandbox,
  name: string,
  input: unknown,
  changes: { commandTimeoutMs?: number } = {},
) {
  const { input: turn, events } = recordedTurn(sandbox, "Mend it");
  const part = { type: "tool-call" as const, toolCallId: "c1", toolName: name, input };
  const result = await runToolCall(part, undefined, {
    input: turn,
    commandTimeoutMs: changes.commandTimeoutMs ?? 30_000,
    redactor: createSecretRedactor([]),
    words: "",
  });
  return { ...result, events };
}

const contentOf = async (sandbox: Sandbox, path: string): Promise<string> =>
  new TextDecoder("utf-8", { ignoreBOM: true }).decode((await sandbox.readFile(path, 1e6)).bytes);

describe("read_file", () => {
  test("gives numbered lines, all or a range, and says how to read on", async () => {
    const sandbox = await workspace();
    expect((await use(sandbox, "read_file", { path: "src/cart.js" })).text).toBe(
      "1\texport const one = 1;\n2\texport const two = 2;\n3\texport const three = 3;",
    );
    expect((await use(sandbox, "read_file", { path: "./src/cart.js", startLine: 2, lines: 1 })).text).toBe(
      "2\texport const two = 2;\n[./src/cart.js has 3 lines; read on with startLine 3]",
    );
    const absolute = join(sandbox.workspacePath, "README.md");
    expect((await use(sandbox, "read_file", { path: absolute })).text).toBe("1\t# shop");
  });

  test("tells what can't be read: missing, past the end, binary, a folder; an empty file is no error", async () => {
    const sandbox = await workspace();
    await sandbox.writeFile("empty.txt", "");
    await sandbox.writeFile("image.bin", new Uint8Array([1, 0, 2]));
    expect(await use(sandbox, "read_file", { path: "empty.txt" })).toMatchObject({
      text: "[the file is empty]",
      isError: false,
    });
    for (const [path, startLine, reason] of [
      ["missing.txt", 1, /missing\.txt/],
      ["src/cart.js", 9, /has only 3 lines/],
      ["image.bin", 1, /no text file \(3 bytes\)/],
      ["src", 1, /src/],
      [".git/config", 1, /belongs to git/],
    ] as const) {
      const result = await use(sandbox, "read_file", { path, startLine });
      expect(result).toMatchObject({ isError: true, text: expect.stringMatching(reason) });
      expect(result.text).toMatch(/^Error: /);
    }
  });

  test("never leaves the workspace, by path or by link", async () => {
    const sandbox = await workspace();
    await writeFile(join(dir(), "secret.txt"), "secret");
    await symlink(join(dir(), "secret.txt"), join(sandbox.workspacePath, "link.txt"));
    for (const path of [
      "../secret.txt",
      join(dir(), "secret.txt"),
      "link.txt",
      "~/secret.txt",
      "src/../../secret.txt",
    ]) {
      const result = await use(sandbox, "read_file", { path });
      expect(result).toMatchObject({ isError: true, text: expect.not.stringMatching(/^secret/) });
      const started = result.events.find(({ type }) => type === "tool.started");
      expect(started).toMatchObject({ toolClass: path === "link.txt" ? "read" : "outside_workspace" });
    }
  });

  test("reads a part far within a huge file, and caps long lines and long answers", async () => {
    const sandbox = await workspace();
    const line = "x".repeat(99);
    await sandbox.writeFile(
      "huge.txt",
      Array.from({ length: 20_000 }, (_, index) => `${index + 1} ${line}`).join("\n"),
    );
    const far = await use(sandbox, "read_file", { path: "huge.txt", startLine: 19_999, lines: 2 });
    expect(far.text).toBe(`19999\t19999 ${line}\n20000\t20000 ${line}`);
    expect(await use(sandbox, "read_file", { path: "huge.txt", startLine: 20_001 })).toMatchObject({
      isError: true,
      text: expect.stringMatching(/fewer than 20001 lines/),
    });
    const head = await use(sandbox, "read_file", { path: "huge.txt", lines: 5_000 });
    expect(head.text.length).toBeLessThan(70_000);
    expect(head.text).toMatch(/read on with startLine \d+\]$/);
    await sandbox.writeFile("long.txt", "y".repeat(10_000));
    expect((await use(sandbox, "read_file", { path: "long.txt" })).text).toHaveLength(2_013);
  });
});

describe("edit_file", () => {
  const edit = (sandbox: Sandbox, path: string, oldText: string, newText: string) =>
    use(sandbox, "edit_file", { path, oldText, newText });

  test("replaces the one place, literally", async () => {
    const sandbox = await workspace();
    const result = await edit(sandbox, "src/cart.js", "two = 2", "two = `$&$1`");
    expect(result).toMatchObject({
      text: "src/cart.js was changed at line 2",
      isChange: true,
      hasEffects: true,
    });
    expect(await contentOf(sandbox, "src/cart.js")).toBe(
      "export const one = 1;\nexport const two = `$&$1`;\nexport const three = 3;\n",
    );
  });

  test("keeps Windows line ends and a byte order mark", async () => {
    const sandbox = await workspace();
    await sandbox.writeFile("bom.js", "\uFEFFconst a = 1;\n");
    await edit(sandbox, "src/windows.js", "a = 1;\nconst b = 2;", "a = 3;\nconst b = 4;");
    expect(await contentOf(sandbox, "src/windows.js")).toBe("const a = 3;\r\nconst b = 4;\r\n");
    await edit(sandbox, "bom.js", "a = 1", "a = 2");
    expect(await contentOf(sandbox, "bom.js")).toBe("\uFEFFconst a = 2;\n");
  });

  test.each([
    ["src/cart.js", "four = 4", /does not occur in src\/cart\.js\. Read the file again/],
    ["src/cart.js", "  export const two = 2;", /something like it stands at line 2: compare the white space/],
    ["src/cart.js", "2\texport const two = 2;", /something like it stands at line 2/],
    ["src/cart.js", "export const", /occurs 3 times in src\/cart\.js \(lines 1, 2, 3\)/],
    ["src/cart.js", "new", /oldText and newText are the same/],
    ["missing.js", "x", /missing\.js/],
    ["../cart.js", "x", /outside the repository/],
    [".git/config", "x", /belongs to git/],
    ["latin1.txt", "x", /no UTF-8 text/],
    ["big.txt", "x", /too large to be edited here \(3000000 bytes\)/],
  ])("refuses %s, %j", async (path, oldText, reason) => {
    const sandbox = await workspace();
    await sandbox.writeFile("latin1.txt", new Uint8Array([0xe9, 0x20]));
    if (path === "big.txt") await sandbox.writeFile("big.txt", "z".repeat(3_000_000));
    const result = await edit(sandbox, path, oldText, "new");
    expect(result).toMatchObject({ isError: true, isChange: false, text: expect.stringMatching(reason) });
    expect(await contentOf(sandbox, "src/cart.js")).toBe(files["src/cart.js"]);
  });
});

describe("write_file", () => {
  test("writes new files in new folders, and over old ones", async () => {
    const sandbox = await workspace();
    await use(sandbox, "write_file", { path: "new/folder/a.txt", content: "ä\n" });
    expect(await contentOf(sandbox, "new/folder/a.txt")).toBe("ä\n");
    const result = await use(sandbox, "write_file", { path: "README.md", content: "" });
    expect(result).toMatchObject({ isError: false, summary: "README.md: 0 bytes" });
  });

  test.each([
    ["../a.txt", "x", /outside the repository/],
    [".git/hooks/pre-commit", "x", /belongs to git/],
    [".", "x", /names no file/],
    ["big.txt", "x".repeat(2_200_000), /too many for one file/],
    ["src", "x", /src/],
  ])("refuses %s", async (path, content, reason) => {
    const sandbox = await workspace();
    expect(await use(sandbox, "write_file", { path, content })).toMatchObject({
      isError: true,
      text: expect.stringMatching(reason),
    });
  });
});

describe("list_files and search", () => {
  test("show what git knows or would know, without what it ignores", async () => {
    const sandbox = await workspace();
    await sandbox.writeFile("ignored/a.js", "export const ignored = 1;");
    await sandbox.writeFile("src/new.js", "export const fresh = 1;");
    const list = async (input: object) => (await use(sandbox, "list_files", input)).text.split("\n");
    expect(await list({})).toEqual([
      ".gitignore",
      "README.md",
      "docs/notes.txt",
      "src/cart.js",
      "src/new.js",
      "src/windows.js",
    ]);
    expect(await list({ path: "docs" })).toEqual(["docs/notes.txt"]);
    expect(await list({ glob: "src/**/*.js" })).toEqual(["src/cart.js", "src/new.js", "src/windows.js"]);
    expect(await list({ path: "nowhere" })).toEqual(["[no files]"]);
    expect((await use(sandbox, "search", { pattern: "export const [a-z]+ = 1" })).text).toBe(
      "src/cart.js:1:export const one = 1;\nsrc/new.js:1:export const fresh = 1;",
    );
    expect(
      (await use(sandbox, "search", { pattern: "SHOP", ignoreCase: true, path: "README.md" })).text,
    ).toBe("README.md:1:# shop");
    expect(await use(sandbox, "search", { pattern: "nothing like it" })).toMatchObject({
      text: "[no line matches]",
      isError: false,
    });
  });

  test("work where there is no git", async () => {
    const path = join(dir(), "plain");
    await mkdir(path);
    const sandbox = await openSandbox(join(dir(), "plain-around"), path);
    onTestFinished(() => sandbox.close());
    await sandbox.writeFile("a/b.txt", "one\n");
    await sandbox.writeFile("node_modules/x.txt", "one\n");
    expect((await use(sandbox, "list_files", {})).text).toBe("a/b.txt");
    expect((await use(sandbox, "search", { pattern: "on." })).text).toBe("a/b.txt:1:one");
    expect(await use(sandbox, "list_files", { path: "nowhere" })).toMatchObject({ isError: true });
  });

  test("cap long answers and refuse to leave the workspace", async () => {
    const sandbox = await workspace();
    await sandbox.writeFile("many.txt", "needle\n".repeat(500));
    const found = await use(sandbox, "search", { pattern: "needle" });
    expect(found.text.split("\n")).toHaveLength(201);
    expect(found.text).toMatch(/\[there are more: be more precise\]$/);
    await sandbox.run({
      argv: ["sh", "-c", "mkdir m && cd m && seq 1200 | xargs touch"],
      timeoutMs: 20_000,
      outputBytesMax: 1_000,
    });
    expect((await use(sandbox, "list_files", {})).text).toMatch(
      /\[there are more: name a folder or a glob\]$/,
    );
    for (const name of ["list_files", "search"]) {
      expect(await use(sandbox, name, { path: "..", pattern: "x" })).toMatchObject({
        isError: true,
        text: expect.stringMatching(/outside the repository/),
      });
    }
    expect(await use(sandbox, "search", { pattern: "(" })).toMatchObject({
      isError: true,
      text: expect.stringMatching(/the search failed/),
    });
  });
});

describe("run_command", () => {
  test("gives exit code and output, and an exit code is no error of the tool", async () => {
    const sandbox = await workspace();
    const result = await use(sandbox, "run_command", { command: "echo out; echo err >&2; exit 3" });
    expect(result).toMatchObject({ isError: false, hasEffects: true });
    expect(result.text).toMatch(/^exit code 3 after \d+\.\d s\n--- stdout\nout\n--- stderr\nerr$/);
    expect((await use(sandbox, "run_command", { command: "true" })).text).toMatch(/\n\[no output\]$/);
  });

  test("kills a command that does not end, and says so", async () => {
    const sandbox = await workspace();
    for (const [input, commandTimeoutMs] of [
      [{ command: "echo begun; sleep 60", timeoutSeconds: 1 }, 30_000],
      [{ command: "echo begun; sleep 60" }, 300],
    ] as const) {
      const result = await use(sandbox, "run_command", input, { commandTimeoutMs });
      expect(result).toMatchObject({
        isError: true,
        text: expect.stringMatching(/^Error: did not end within .* and was killed\n--- stdout\nbegun$/),
      });
    }
  });

  test("keeps head and tail of a long output, for the model and for people", async () => {
    const sandbox = await workspace();
    const result = await use(sandbox, "run_command", {
      command: "echo first; yes 0123456789 | head -n 200000; echo last",
    });
    expect(result.text.length).toBeLessThan(20_000);
    expect(result.text).toMatch(/\(2200011 bytes, cut\)\nfirst\n/);
    expect(result.text).toMatch(/last$/);
    const shown = result.events
      .flatMap((event) => (event.type === "tool.output" ? [event.text] : []))
      .join("");
    expect(shown.length).toBeLessThan(400_000);
    expect(shown).toMatch(/\[more output is not shown\]\n$/);
  });
});
