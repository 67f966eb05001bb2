import type { SandboxDriver } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import { toolPath as toolPathOf } from "../process/tool-path.ts";
import { openNoneSandbox } from "./none-sandbox.ts";
import { proveTools } from "./prove-tools.ts";
import type { SandboxFactory } from "./sandbox.ts";

export interface SandboxFactoryOptions {
  /** Somebody said in so many words that agents may run unconfined on this machine. */
  readonly acceptNoSandbox: boolean;
  /** PATH for commands inside; the running Node's directory always comes first. */
  readonly toolPath?: string;
}

const acceptRemedy = "Accept the risk with --sandbox none --accept-no-sandbox.";

/**
 * The factory of a sandbox driver. Fails closed: `auto` never means `none`, and `none` needs its explicit acceptance.
 * @throws AppError `sandbox.unavailable` with the remedy.
 */
export function createSandboxFactory(
  name: SandboxDriver | "auto",
  options: SandboxFactoryOptions,
): SandboxFactory {
  if (name === "auto") {
    throw new AppError(
      "sandbox.unavailable",
      `No sandbox driver that confines agents is available here yet. ${acceptRemedy}`,
    );
  }
  if (name !== "none") {
    throw new AppError(
      "sandbox.unavailable",
      `The sandbox driver ${name} arrives in a later version. Until then: ${acceptRemedy}`,
    );
  }
  if (!options.acceptNoSandbox) {
    throw new AppError(
      "sandbox.unavailable",
      "Without a sandbox an agent can do whatever this user can. Accept the risk with --accept-no-sandbox, or use a sandbox.",
    );
  }
  const path = toolPathOf(options.toolPath);
  return {
    driver: "none",
    isConfined: false,
    selfTest: () => proveTools(path),
    open: (sandbox) => openNoneSandbox(sandbox, path),
  };
}
