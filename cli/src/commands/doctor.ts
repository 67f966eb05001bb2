import { type Finding, finding, type Probe, type ProbeInput, runProgram } from "../doctor/probe.ts";
import { probes as allProbes } from "../doctor/probes.ts";
import { exitCodes } from "../exit-code.ts";
import type { Output } from "../output/output.ts";
import type { CommandContext } from "./command.ts";

const looked = async (probe: Probe, input: ProbeInput): Promise<readonly Finding[]> => {
  try {
    const found = await probe(input);
    return "subject" in found ? [found] : found;
  } catch (error) {
    return [
      finding(
        probe.name,
        "warn",
        `could not look: ${error instanceof Error ? error.message : String(error)}`,
      ),
    ];
  }
};

const mark = (status: Finding["status"], { colors }: Output): string => {
  switch (status) {
    case "ok":
      return colors.green("✓");
    case "info":
      return colors.dim("·");
    case "warn":
      return colors.yellow("!");
    case "fail":
      return colors.red("✗");
  }
};

/** `doctor`: what this machine has and lacks. Exit code 1 when AgentVine can't run here. */
export const doctor = async (
  { config, output }: CommandContext,
  flags: { json?: boolean; port: number },
  probes: readonly Probe[] = allProbes,
): Promise<number> => {
  const input: ProbeInput = {
    environment: config.environment,
    home: config.home,
    port: flags.port,
    run: runProgram(config.environment),
    fetch: globalThis.fetch,
  };
  const findings = (await Promise.all(probes.map((probe) => looked(probe, input)))).flat();
  const isUsable = findings.every((item) => item.status !== "fail");
  if (flags.json === true) {
    output.json({ ok: isUsable, findings });
  } else {
    for (const item of findings) {
      output.line(`${mark(item.status, output)} ${item.subject.padEnd(17)}${item.detail}`);
      if (item.remedy !== "") output.line(`  ${" ".repeat(17)}${output.colors.dim(`→ ${item.remedy}`)}`);
    }
    output.line();
    output.line(
      isUsable ? "AgentVine can run here." : output.colors.red("AgentVine can't run here: see ✗ above."),
    );
  }
  return isUsable ? exitCodes.ok : exitCodes.failed;
};
