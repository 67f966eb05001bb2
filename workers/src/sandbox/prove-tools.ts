import { AppError } from "@agentvine/kit";
import { runProcess } from "../process/run-process.ts";

/** The tools that the file commands and the git flow are made of. */
const requiredTools = ["cat", "du", "git", "head", "mkdir", "realpath", "wc"];

/**
 * Proves that commands with this PATH find what the sandbox needs.
 * @throws AppError `sandbox.unavailable` naming what is missing.
 */
export async function proveTools(path: string): Promise<void> {
  const result = await runProcess({
    argv: [
      "/bin/sh",
      "-c",
      'for tool in "$@"; do command -v "$tool" >/dev/null || echo "$tool"; done',
      "sh",
      ...requiredTools,
    ],
    env: { PATH: path },
    timeoutMs: 10_000,
    outputBytesMax: 2_000,
  });
  const missing = result.stdout.split("\n").filter((line) => line !== "");
  if (missing.length > 0 || result.exitCode !== 0) {
    throw new AppError(
      "sandbox.unavailable",
      missing.length > 0
        ? `Commands can't run here: ${missing.join(", ")} not found. Install them, or set the worker's PATH.`
        : `Commands can't run here: ${result.stderr || result.endedBy}.`,
    );
  }
}
