import { type EvidenceCommand, evidenceCommandSchema } from "@agentvine/contracts";
import { AppError, isAppError } from "@agentvine/kit";
import type { Checkout, TestPlan } from "../specialized/recipe.ts";
import { describeEnd, runGateCommand, type Where } from "./gate-command.ts";

/**
 * Runs the plan's setup command in a fresh checkout; does nothing when the plan has none.
 * @throws AppError `setup.failed` with the command's evidence in `data.command`; the signal's reason when aborted.
 */
export async function setUpCheckout(
  checkout: Checkout,
  plan: TestPlan,
  options: {
    readonly where: Where;
    readonly signal: AbortSignal;
    readonly onOutput?: (text: string) => void;
  },
): Promise<void> {
  if (plan.setupCommand === null) {
    return;
  }
  const { command } = await runGateCommand({
    sandbox: checkout.sandbox,
    where: options.where,
    line: plan.setupCommand,
    env: plan.environment,
    secrets: plan.secrets,
    timeoutMs: plan.commandTimeoutMs,
    signal: options.signal,
    onOutput: options.onOutput ?? (() => {}),
  });
  if (command.endedBy !== "exit" || command.exitCode !== 0) {
    throw new AppError(
      "setup.failed",
      `The setup command ${JSON.stringify(command.command)} ${describeEnd(command)}.`,
      {
        data: { command },
      },
    );
  }
}

/** What a failed setup left as evidence; null when the error is another one. */
export function setupFaultOf(error: unknown): { reason: string; command: EvidenceCommand | null } | null {
  if (!isAppError(error, "setup.failed")) {
    return null;
  }
  const parsed = evidenceCommandSchema.safeParse(error.data?.command);
  return { reason: error.message, command: parsed.success ? parsed.data : null };
}
