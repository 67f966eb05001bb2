import type { Evidence, EvidenceCommand } from "@agentvine/contracts";
import { isAppError } from "@agentvine/kit";
import { describe, expect, it } from "vitest";
import { askSandbox, describeEnd, runGateCommand } from "./gate-command.ts";
import { evidenceSummary, gateFeedback, setUpCheckout } from "./index.ts";
import { OutputTail } from "./output-tail.ts";
import { setupFaultOf } from "./set-up-checkout.ts";
import { nodeTestPlan } from "./testing/gate-fixture.ts";
import { memorySandbox } from "./testing/memory-sandbox.ts";

const signal = new AbortController().signal;

const command = (values: Partial<EvidenceCommand>): EvidenceCommand => ({
  where: "result",
  command: "npm test",
  exitCode: 1,
  endedBy: "exit",
  durationMs: 1_000,
  outputTail: "",
  ...values,
});

const evidence = (values: Partial<Evidence>): Evidence => ({
  verification: "passed",
  reason: "All is well.",
  round: 1,
  checks: [],
  commands: [],
  tests: null,
  coverage: null,
  files: [],
  environment: {},
  ...values,
});

const tests = {
  runner: "node:test",
  base: null,
  result: null,
  redToGreen: [],
  greenToRed: [],
  added: [],
  removed: [],
  newlySkipped: [],
};

describe("evidenceSummary", () => {
  it("names the test that turned green and the coverage, in one line", () => {
    const summary = evidenceSummary(
      evidence({
        tests: { ...tests, redToGreen: ["cart.test.js > total adds tax", "b", "c"] },
        coverage: { beforePercent: 61.24, afterPercent: 93.4, files: [] },
      }),
    );
    expect(summary).toBe(
      "cart.test.js > total adds tax (and 2 more): red at base, green now; coverage 61.2 % → 93.4 %",
    );
  });

  it("falls back to the reason, and says why something was refused or is unverified", () => {
    expect(evidenceSummary(evidence({ tests }))).toBe("All is well.");
    expect(
      evidenceSummary(evidence({ coverage: { beforePercent: null, afterPercent: 50, files: [] } })),
    ).toBe("coverage 0 % → 50.0 %");
    expect(evidenceSummary(evidence({ verification: "failed", reason: "No." }))).toBe("refused: No.");
    expect(evidenceSummary(evidence({ verification: "unverified", reason: "?" }))).toBe("unverified: ?");
  });
});

describe("gateFeedback", () => {
  it("shows the last run of the result, and the new tests on the old code", () => {
    const feedback = gateFeedback(
      evidence({
        verification: "failed",
        reason: "No.",
        checks: [
          { name: "a", status: "failed", reason: "because" },
          { name: "b", status: "passed", reason: "fine" },
        ],
        commands: [
          command({ outputTail: "first" }),
          command({ outputTail: "second\nline" }),
          command({ where: "base", outputTail: "base" }),
          command({ where: "new_tests_on_base", exitCode: 0 }),
        ],
      }),
    );
    expect(feedback).toContain("not accepted. No.");
    expect(feedback).toContain("- a: because");
    expect(feedback).not.toContain("fine");
    expect(feedback).toContain("    second\n    line");
    expect(feedback).not.toContain("first");
    expect(feedback).toContain("with your tests on the old code ended with exit code 0. It printed nothing.");
  });

  it("is short when nothing failed", () => {
    expect(gateFeedback(evidence({ reason: "Why." }))).toContain("Why.");
  });
});

describe("describeEnd", () => {
  it.each([
    [{ endedBy: "timeout", durationMs: 200 }, "did not end and was stopped after 1 s"],
    [{ endedBy: "output_limit" }, "printed more than 64 MiB and was stopped"],
    [{ endedBy: "signal" }, "was killed by a signal"],
    [{ exitCode: null }, "ended with exit code unknown"],
  ] as const)("tells how a command ended: %o", (values, expected) => {
    expect(describeEnd(command(values))).toBe(expected);
  });
});

describe("the output kept as evidence", () => {
  it("is the last 16 KiB, whole characters only, without colours and control characters", () => {
    const tail = new OutputTail();
    tail.push(Buffer.from("start\n"));
    tail.push(Buffer.from("ä".repeat(20_000)));
    tail.push(Buffer.from("\u001b[31mred\u001b[0m\u0000\r\nend\u0007"));
    const text = tail.text();
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(16 * 1024);
    expect(text).not.toContain("\uFFFD");
    expect(text.startsWith("ä")).toBe(true);
    expect(text.endsWith("red\nend")).toBe(true);
  });

  it("is everything when it is short", () => {
    const tail = new OutputTail();
    tail.push(Buffer.from("ok\n"));
    expect(tail.text()).toBe("ok\n");
  });
});

describe("commands of the gate", () => {
  const options = { where: "result", line: "x", env: {}, timeoutMs: 1, signal, onOutput: () => {} } as const;

  it("are an infrastructure fault when the sandbox can't start them", async () => {
    const sandbox = memorySandbox({}, () => ({ endedBy: "spawn_error", stderr: "no sh" }));
    const fault = await runGateCommand({ ...options, sandbox }).catch((error: unknown) => error);
    expect(isAppError(fault, "sandbox.failed")).toBe(true);
  });

  it("give null instead of a cut-off or failed answer", async () => {
    expect(
      await askSandbox(
        memorySandbox({}, () => ({ isTruncated: true })),
        ["x"],
        { signal },
      ),
    ).toBeNull();
    expect(
      await askSandbox(
        memorySandbox({}, () => ({ exitCode: 1 })),
        ["x"],
        { signal },
      ),
    ).toBeNull();
  });

  it("set a checkout up, or say how that failed", async () => {
    const setup = { ...nodeTestPlan, setupCommand: "npm ci" };
    const fine = memorySandbox({});
    await setUpCheckout({ commit: "c", sandbox: fine }, setup, { where: "base", signal });
    expect(fine.commands[0]?.argv).toEqual(["sh", "-c", "npm ci"]);
    const bad = memorySandbox({}, () => ({ endedBy: "timeout", exitCode: null, durationMs: 9_000 }));
    const error = await setUpCheckout({ commit: "c", sandbox: bad }, setup, { where: "base", signal }).catch(
      (fault: unknown) => fault,
    );
    expect(setupFaultOf(error)).toEqual({
      reason: 'The setup command "npm ci" did not end and was stopped after 9 s.',
      command: expect.objectContaining({ where: "base", endedBy: "timeout" }),
    });
    expect(setupFaultOf(new Error("other"))).toBeNull();
  });
});
