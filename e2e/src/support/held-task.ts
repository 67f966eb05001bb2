import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  callTool,
  finish,
  type Scenario,
  type ScriptedModel,
  script,
  startScriptedModel,
} from "@agentvine/scripted-model";
import { createRepository } from "@agentvine/testkit";
import { onTestFinished } from "vitest";

const title = "Hold the line";
const guide = "# Sums\n\nAdds numbers. Call `sum` with any number of them; the result is their sum.\n";

/**
 * A task whose agent writes a file (which is checkpointed) and then runs a command that goes on until the test opens the
 * gate. So a test can kill what it likes in the middle of the work, without any race.
 */
export interface HeldTask {
  readonly repository: string;
  readonly title: string;
  readonly model: ScriptedModel;
  /** How often the model was asked for the first step: more than once means that the work began anew. */
  beginnings(): number;
  /** True once the command that waits was started. */
  isHeld(): boolean;
  /** Lets the agent finish. */
  open(): Promise<void>;
}

const quote = (path: string): string => `'${path.replaceAll("'", "'\\''")}'`;

export async function createHeldTask(temp: string): Promise<HeldTask> {
  const gate = join(temp, "gate");
  const held = join(temp, "held");
  let beginnings = 0;
  const scenario: Scenario = script({
    name: "held",
    marker: title,
    phases: [
      [
        () => {
          beginnings += 1;
          return callTool("I write the guide.", "write_file", { path: "GUIDE.md", content: guide });
        },
        () => callTool("I wait.", "run_command", { command: "sh ./hold.sh" }),
        (view) => {
          view.output("run_command");
          return finish("The guide says how to add.");
        },
      ],
    ],
  });
  const model = await startScriptedModel({ scenarios: [scenario] });
  onTestFinished(() => model.close());
  const { path } = await createRepository(join(temp, "sums"), {
    "README.md": "# Sums\n\nAdds numbers.\n",
    // In the repository, as a command that names paths outside of the workspace would need an approval.
    "hold.sh": `touch ${quote(held)}\nwhile [ ! -e ${quote(gate)} ]; do sleep 0.05; done\n`,
    "sum.js": "export const sum = (...numbers) => numbers.reduce((a, b) => a + b, 0);\n",
  });
  return {
    repository: path,
    title,
    model,
    beginnings: () => beginnings,
    isHeld: () => existsSync(held),
    open: () => writeFile(gate, ""),
  };
}
