import { isAppError } from "@agentvine/kit";
import { useTempDir } from "@agentvine/testkit";
import { describe, expect, it } from "vitest";
import { proveTools } from "./prove-tools.ts";
import { createSandboxFactory } from "./sandbox-factory.ts";

const dir = useTempDir();
const unavailable = (message: RegExp) => (error: unknown) =>
  isAppError(error, "sandbox.unavailable") && message.test(error.message);

describe("createSandboxFactory", () => {
  it("gives `none` only to somebody who accepted the risk, and names the flag", () => {
    expect(() => createSandboxFactory("none", { acceptNoSandbox: false })).toThrow(
      expect.toSatisfy(unavailable(/--accept-no-sandbox/)),
    );
    expect(createSandboxFactory("none", { acceptNoSandbox: true })).toMatchObject({
      driver: "none",
      isConfined: false,
    });
  });

  it("never falls back to `none` by itself, accepted or not", () => {
    for (const acceptNoSandbox of [true, false]) {
      for (const name of ["auto", "bubblewrap", "container", "seatbelt"] as const) {
        expect(() => createSandboxFactory(name, { acceptNoSandbox })).toThrow(
          expect.toSatisfy(unavailable(/--sandbox none --accept-no-sandbox/)),
        );
      }
    }
  });
});

describe("the self-test", () => {
  it("passes on a machine with the usual tools", async () => {
    await createSandboxFactory("none", { acceptNoSandbox: true }).selfTest();
  });

  it("names the tools that are missing", async () => {
    await expect(proveTools(dir())).rejects.toSatisfy(unavailable(/cat, du, .*not found/));
  });
});
