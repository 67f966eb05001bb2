import { AppError } from "@agentvine/kit";
import { describe, expect, it } from "vitest";
import { apiError } from "../base/testing/fakes.ts";
import { commitMessage } from "./commit-message.ts";
import {
  blameFullDisk,
  ExecutionFault,
  type Fault,
  failed,
  failureOf,
  faultOfError,
  isLeaseLost,
} from "./outcome.ts";
import { StopRequest } from "./stop-request.ts";

const systemError = (code: string): Error => Object.assign(new Error(`it said ${code}`), { code });

describe("blameFullDisk", () => {
  const gibibyte = 1_073_741_824;
  const said: Fault = { outcome: "failed", failure: "agent", reason: "cp: No space left on device" };
  const silent: Fault = { outcome: "failed", failure: "verification", reason: "1 test is red" };
  const judge = (fault: Fault, freeBytes: number) =>
    blameFullDisk(fault, { freeBytes, freeBytesMin: gibibyte });

  it("makes a failure on a full disk the machine's, worth another try, and says so", () => {
    for (const fault of [judge(said, 500_000_000), judge(said, 0), judge(silent, 0)]) {
      expect(fault).toMatchObject({ outcome: "failed", failure: "infrastructure", isRetryable: true });
      expect(fault.reason).toMatch(/^The worker's disk is full \(ENOSPC\): /);
    }
  });

  it("takes nobody's word for it while there is room, and leaves alone what is no failure of the work", () => {
    expect(judge(said, 2 * gibibyte)).toBe(said);
    expect(judge(silent, 500_000_000)).toBe(silent);
    const others: Fault[] = [
      { outcome: "cancelled", failure: null, reason: "No space left on device" },
      { outcome: "timed_out", failure: null, reason: "late" },
      { outcome: "failed", failure: "infrastructure", reason: "the model is away" },
    ];
    for (const fault of others) expect(judge(fault, 0)).toBe(fault);
  });
});

describe("faultOfError", () => {
  it.each([
    [new AppError("repository.missing", "gone"), "checkout", false],
    [new AppError("repository.network_failed", "cut"), "checkout", true],
    [new AppError("git.failed", "no"), "checkout", false],
    [new AppError("setup.failed", "no"), "setup", false],
    [new AppError("test_plan.invalid", "no"), "setup", false],
    [new AppError("workspace.too_large", "big"), "agent", false],
    [new AppError("workspace.invalid", "odd"), "agent", false],
    [new AppError("publish.conflict", "taken"), "infrastructure", false],
    [new AppError("sandbox.failed", "broken"), "infrastructure", true],
    [new AppError("storage.full", "full"), "infrastructure", true],
    [apiError("server.unreachable"), "infrastructure", true],
    [systemError("ENOSPC"), "infrastructure", true],
    [new TypeError("a bug"), "infrastructure", true],
    ["thrown as it is", "infrastructure", true],
  ])("says whose fault it is: %s → %s", (error, failure, isRetryable) => {
    expect(faultOfError(error, new StopRequest(), 60)).toMatchObject({
      outcome: "failed",
      failure,
      isRetryable,
    });
  });

  it("says that the disk is full, in words", () => {
    expect(faultOfError(systemError("ENOSPC"), new StopRequest(), 60).reason).toMatch(/disk is full/);
  });

  it.each([
    ["cancelled", { outcome: "cancelled", reason: "why" }],
    ["timed_out", { outcome: "timed_out", reason: "The execution did not end within 60 s." }],
  ] as const)("puts what was asked (%s) before what broke because of it", (kind, expected) => {
    const stop = new StopRequest();
    stop.request(kind, "why");
    expect(faultOfError(new Error("killed"), stop, 60)).toMatchObject({ ...expected, failure: null });
  });

  it("keeps a fault that is typed already, and bounds what is handed in", () => {
    const fault = failed("agent", "x".repeat(30_000), { retryAfterMs: 1e12 });
    expect(fault).toBeInstanceOf(ExecutionFault);
    const result = failureOf(faultOfError(fault, new StopRequest(), 1), null);
    expect(result).toMatchObject({ kind: "fail", result: { failure: "agent", retryAfterMs: 86_400_000 } });
    expect(JSON.stringify(result).length).toBeLessThan(21_000);
  });

  it("knows a lost lease from other refusals", () => {
    expect(isLeaseLost(apiError("work_order.lease_lost"))).toBe(true);
    expect(isLeaseLost(apiError("auth.invalid"))).toBe(true);
    expect(isLeaseLost(apiError("request.invalid"))).toBe(false);
    expect(isLeaseLost(new Error("no"))).toBe(false);
  });
});

describe("StopRequest", () => {
  it("keeps the first request, which only a lost lease outranks", () => {
    const stop = new StopRequest();
    stop.request("drained", "going");
    stop.request("cancelled", "late");
    expect([stop.stop?.kind, stop.work.reason, stop.lease.aborted]).toEqual(["drained", "drained", false]);
    stop.request("lease_lost", "gone");
    expect([stop.stop?.kind, stop.lease.aborted]).toEqual(["lease_lost", true]);
  });
});

describe("commitMessage", () => {
  it.each([
    ["Mend the sum", "", "fix: mend the sum"],
    ["HTTP answers twice.", "", "fix: HTTP answers twice"],
    ["feat(api): add it", "Because.", "feat(api): add it\n\nBecause."],
    [`Long ${"word ".repeat(40)}`, "", expect.stringMatching(/^fix: long .{60,66}…$/)],
    ["two\n lines", "", "fix: two lines"],
    ["bell\u0007", "binary \0\u001b[2J\u0085 words\n\tstay", "fix: bell\n\nbinary [2J words\n\tstay"],
  ])("makes a conventional commit of %j", (title, summary, expected) => {
    expect(commitMessage("fix", title, summary)).toEqual(expected);
  });
});
