import { describe, expect, it } from "vitest";
import { aClaim } from "../base/testing/fakes.ts";
import { driverConfigOf } from "./driver-choice.ts";

const builtin = { driver: "builtin" as const, model: "anthropic/x", isScripted: false };
const claimFor = (agent: { driver?: "builtin" | "acp" | "command"; model?: string }) => {
  const claim = aClaim();
  return { ...claim, task: { ...claim.task, agent } };
};

describe("driverConfigOf", () => {
  it("is the worker's own agent, with the key that came by the environment", () => {
    expect(
      driverConfigOf({ agent: { ...builtin, baseUrl: "http://m/v1" }, stopGraceMs: 9 }, claimFor({}), "k"),
    ).toEqual({
      driver: "builtin",
      model: "anthropic/x",
      baseUrl: "http://m/v1",
      apiKey: "k",
    });
    expect(
      driverConfigOf({ agent: builtin, stopGraceMs: 9 }, claimFor({ model: "anthropic/x" }), undefined),
    ).toEqual({
      driver: "builtin",
      model: "anthropic/x",
    });
  });

  it("lets a command run as long as its order", () => {
    const agent = { driver: "command" as const, argv: ["mend"] as [string], isScripted: false };
    expect(driverConfigOf({ agent, stopGraceMs: 9 }, claimFor({}), undefined)).toMatchObject({
      timeoutMs: 3_600_000,
      graceMs: 9,
    });
  });

  it.each([
    ["another driver", builtin, { driver: "acp" as const }],
    ["another model", builtin, { model: "openai/y" }],
    ["any agent, where there is none", null, {}],
  ])("refuses a task that wants %s, so that another worker may try", (_, agent, wanted) => {
    expect(() => driverConfigOf({ agent, stopGraceMs: 9 }, claimFor(wanted), undefined)).toThrow(
      expect.objectContaining({
        fault: expect.objectContaining({ failure: "infrastructure", isRetryable: true }),
      }),
    );
  });
});
