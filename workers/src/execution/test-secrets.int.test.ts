import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { newId } from "@agentvine/kit";
import { describe, expect, it } from "vitest";
import { describeSums, type SetUp, soundSum, useOrderWorld } from "./testing/order-world.ts";

const secret = `s3cret & "quoted"/${newId()}`;
/** Prints what the variable holds: as it is, in base64, for an address, in hexadecimal, and torn apart into two writes. */
const shout = [
  `const s = process.env.TEST_SECRET ?? "";`,
  `const all = [s, Buffer.from(s).toString("base64"), Buffer.from("x" + s).toString("base64url"), encodeURIComponent(s), Buffer.from(s).toString("hex"), JSON.stringify({ s })];`,
  `console.log("secret of " + s.length);`,
  `for (const one of all) { console.log(one); console.error("at " + one + " here"); process.stdout.write(one.slice(0, 9)); process.stdout.write(one.slice(9) + "\\n"); }`,
].join(" ");
const shouting = `node -e '${shout.replaceAll("'", "'\\''")}'`;
const spellings = [
  secret,
  Buffer.from(secret).toString("base64"),
  Buffer.from(`x${secret}`).toString("base64url").slice(3, 30),
  encodeURIComponent(secret),
  Buffer.from(secret).toString("hex"),
  JSON.stringify(secret).slice(1, -1),
  // The part of it that no escape changes.
  secret.slice(-36),
];
describe("a test-run secret", () => {
  const { dir, runOf } = useOrderWorld();
  const testEnvironment = { TEST_SECRET: secret };
  const shown = async (setUp: SetUp) => {
    const { result, backend, prompts } = await runOf({ testEnvironment, ...setUp });
    const artifacts = [...backend.artifacts.values()].map(({ bytes }) =>
      Buffer.from(bytes).toString("latin1"),
    );
    const told = JSON.stringify([result, backend.reports, backend.logLines, prompts]);
    return { result, backend, all: [told, ...artifacts].join("\n") };
  };
  const expectNoTrace = (all: string): void => {
    for (const spelling of spellings) expect(all).not.toContain(spelling);
  };

  it("is there for setup and gate commands, and leaves no trace in log, evidence, reports or artifacts when they print it", async () => {
    const { result, backend, all } = await shown({
      type: "bugfix",
      script: `echo "agent: <$TEST_SECRET>"; cat > src/sum.js <<'EOF'\n${soundSum}EOF\ncat > test/sum.test.js <<'EOF'\nimport test from "node:test";\nimport assert from "node:assert";\nimport { sum } from "../src/sum.js";\ntest("adds", () => assert.equal(sum(1, 2), 3));\nEOF`,
      settings: { setupCommand: shouting, testCommand: `${shouting}; node --test` },
    });
    expect(result?.kind).toBe("complete");
    const text = backend.logText;
    expect(text).toContain(`secret of ${secret.length}`);
    expect(text).toContain("[redacted]");
    expect(backend.text("evidence-1.json")).toContain("[redacted]");
    // The agent has no such variable.
    expect(text).toContain("agent: <>");
    expectNoTrace(all);
  });

  it("is not shown in part either, wherever the output is cut", async () => {
    const flood = `node -e 'for (let i = 0; i < 3000; i += 1) process.stdout.write(process.env.TEST_SECRET + "-")'`;
    const { result, all } = await shown({ settings: { setupCommand: `${flood}; exit 3` } });
    expect(result).toMatchObject({ kind: "fail", result: { failure: "setup" } });
    for (let from = 0; from + 12 <= secret.length; from += 1)
      expect(all).not.toContain(secret.slice(from, from + 12));
  });

  it("leaves no trace when the setup that prints it fails, which is told with its output", async () => {
    const { result, all } = await shown({ settings: { setupCommand: `${shouting}; exit 3` } });
    expect(result).toMatchObject({ kind: "fail", result: { failure: "setup" } });
    expectNoTrace(all);
  });

  it("that a setup command wrote into a file of the work is handed in nowhere", async () => {
    const { result, backend, all } = await shown({
      script: `${describeSums}; cp "$HOME/kept" GUIDE-TOO.md`,
      settings: { setupCommand: 'printf %s "$TEST_SECRET" > "$HOME/kept"' },
    });
    expect(result).toMatchObject({
      kind: "fail",
      result: { failure: "verification", reason: expect.stringContaining("holds a secret") },
    });
    expect(backend.names()).not.toContain("result.bundle");
    expectNoTrace(all);
    expect(await readdir(join(dir(), "worker"))).toContain("mirrors");
  });
});
