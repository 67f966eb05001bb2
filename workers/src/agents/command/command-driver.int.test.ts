import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { git, useTempDir, waitUntil } from "@agentvine/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import type { AgentTurnInput } from "../agent-driver.ts";
import type { CommandDriverConfig } from "../driver-config.ts";
import { createDriver } from "../index.ts";
import { eventsOf, openWorkspace, recordedTurn } from "../testing/turn-fixture.ts";

const dir = useTempDir();

async function prepare(
  script: string,
  { input, ...config }: Partial<CommandDriverConfig> & { input?: Partial<AgentTurnInput> } = {},
) {
  const sandbox = await openWorkspace(dir(), { "a.txt": "one\n" });
  onTestFinished(() => sandbox.close());
  const driver = createDriver({
    driver: "command",
    argv: ["sh", "-c", script, "agent", "{promptFile}"],
    ...config,
  });
  const recorded = recordedTurn(sandbox, "Mend it", input);
  return { ...recorded, sandbox, run: () => driver.run(recorded.input) };
}

describe("a command as agent", () => {
  test("edits the workspace, finds its prompt by argument and environment, and is heard", async () => {
    const { run, events, transcripts, sandbox } = await prepare(
      'cat "$1"; test "$1" = "$AGENTVINE_PROMPT_FILE" && echo two >> a.txt; echo $MOOD >&2',
      { env: { MOOD: "happy" } },
    );
    expect(await run()).toEqual({
      outcome: { kind: "finished", summary: "You mend programs.\n\nMend it" },
      usage: null,
      steps: 1,
      toolCalls: 1,
      modelRetries: 0,
    });
    expect(eventsOf(events, "tool.output")).toContainEqual(
      expect.objectContaining({ stream: "stderr", text: "happy\n" }),
    );
    expect(eventsOf(events, "tool.ended")).toMatchObject([{ isError: false, summary: "exit code 0" }]);
    expect(transcripts).toEqual([{ driver: "command", step: 1, heardThrough: 0, messages: ["Mend it"] }]);
    // Only its own edit is in the workspace; the prompt was beside it and is gone.
    expect(await git(sandbox.workspacePath, "status", "--porcelain")).toBe("M a.txt");
    expect(await readdir(join(dir(), "temp"))).toEqual([]);
  });

  test("that says nothing is done all the same", async () => {
    const { run } = await prepare("true");
    expect((await run()).outcome).toEqual({ kind: "finished", summary: "the command ended" });
  });

  test("gets all instructions so far in a further turn, and the same one once when it starts over", async () => {
    const { run } = await prepare('cat "$1"', {
      input: {
        instruction: "The gate refused",
        transcript: { driver: "command", step: 1, messages: ["Mend it"] },
      },
    });
    expect((await run()).outcome).toMatchObject({
      summary: "You mend programs.\n\nMend it\n\nThe gate refused",
    });
    const again = await prepare('cat "$1"', {
      input: { transcript: { driver: "command", step: 1, messages: ["Mend it"] } },
    });
    expect((await again.run()).outcome).toMatchObject({ summary: "You mend programs.\n\nMend it" });
  });

  test.each([
    ["echo why >&2; exit 4", {}, "agent: exit code 4: why"],
    ["echo so; exit 4", {}, "agent: exit code 4: so"],
    ["exit 4", {}, "agent: exit code 4"],
    ["kill -9 $$", {}, "agent: killed by a signal"],
    ["sleep 60", { timeoutMs: 300 }, /^agent: did not end within 0\.\d s/],
  ])("%j fails with the reason", async (script, config, reason) => {
    const { run } = await prepare(script, { ...config, label: "agent" });
    expect((await run()).outcome).toEqual({
      kind: "failed",
      reason: typeof reason === "string" ? reason : expect.stringMatching(reason),
    });
  });

  test("that does not exist fails", async () => {
    const { run } = await prepare("", { argv: ["no-such-program"] });
    expect((await run()).outcome).toMatchObject({
      kind: "failed",
      reason: expect.stringMatching(/^no-such-program: /),
    });
  });

  test.each([
    ["timed_out", "timed_out"],
    ["anything", "cancelled"],
  ])("that is cut off with reason %s is killed", async (reason, kind) => {
    const abort = new AbortController();
    const { run, events, transcripts } = await prepare("echo begun; exec sleep 60", {
      input: { signal: abort.signal },
    });
    const running = run();
    await waitUntil(() => eventsOf(events, "tool.output").length > 0);
    abort.abort(reason);
    expect((await running).outcome).toEqual({ kind });
    expect(transcripts).toEqual([]);
    const late = await prepare("true", { input: { signal: abort.signal } });
    expect((await late.run()).outcome).toEqual({ kind });
  });

  test("whose prompt can't be stored is not started", async () => {
    const { run, input, events } = await prepare("true");
    await input.sandbox.run({ argv: ["sh", "-c", 'rm -r "$TMPDIR"'], timeoutMs: 5_000, outputBytesMax: 100 });
    expect((await run()).outcome).toMatchObject({
      kind: "failed",
      reason: expect.stringMatching(/could not be stored/),
    });
    expect(events).toEqual([]);
  });
});
