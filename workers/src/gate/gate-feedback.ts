import type { Evidence, EvidenceCommand } from "@agentvine/contracts";
import { describeEnd } from "./gate-command.ts";

const tailLengthMax = 4_000;

const places: Record<EvidenceCommand["where"], string> = {
  base: "on the base commit",
  result: "on your result",
  new_tests_on_base: "with your tests on the old code",
};

const isFault = (command: EvidenceCommand): boolean => command.endedBy !== "exit" || command.exitCode !== 0;

/** The last run of each kind says the most; a good one is of interest only when the old code should have failed. */
function commandsToShow(commands: readonly EvidenceCommand[]): EvidenceCommand[] {
  const last = new Map(commands.map((command) => [command.where, command]));
  return [...last.values()].filter(
    (command) => (command.where === "result" && isFault(command)) || command.where === "new_tests_on_base",
  );
}

function describeCommand(command: EvidenceCommand): string {
  const tail = command.outputTail.slice(-tailLengthMax).trim();
  const output =
    tail === "" ? "It printed nothing." : `Its output ended with:\n\n${tail.replaceAll(/^/gm, "    ")}`;
  return `\`${command.command}\` ${places[command.where]} ${describeEnd(command)}. ${output}`;
}

/** What goes back to the agent after a refused gate: why, which checks failed, and what the commands printed. */
export function gateFeedback(evidence: Evidence): string {
  const failures = evidence.checks.filter((check) => check.status === "failed");
  const shown = commandsToShow(evidence.commands).map(describeCommand);
  return [
    `Your result was checked and not accepted. ${evidence.reason}`,
    ...(failures.length === 0
      ? []
      : [`Failed checks:\n${failures.map(({ name, reason }) => `- ${name}: ${reason}`).join("\n")}`]),
    ...shown,
    "Mend this and finish again. The checks, the test command and its configuration come from the base commit: changing, deleting or skipping them is noticed and does not help.",
  ].join("\n\n");
}
