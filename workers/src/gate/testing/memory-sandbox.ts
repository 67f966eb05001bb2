import { AppError } from "@agentvine/kit";
import type { CommandResult, Sandbox, SandboxCommand } from "../../sandbox/sandbox.ts";

export interface MemorySandbox extends Sandbox {
  readonly files: Map<string, string>;
  readonly commands: SandboxCommand[];
}

/** A sandbox of a few files in memory; `answer` plays the commands. For checks that only read and write. */
export function memorySandbox(
  files: Readonly<Record<string, string>>,
  answer: (command: SandboxCommand) => Partial<CommandResult> = () => ({}),
): MemorySandbox {
  const content = new Map(Object.entries(files));
  const commands: SandboxCommand[] = [];
  return {
    files: content,
    commands,
    driver: "none",
    isConfined: false,
    workspacePath: "/workspace",
    run: (command) => {
      commands.push(command);
      const done: CommandResult = {
        endedBy: "exit",
        exitCode: 0,
        stdout: "",
        stderr: "",
        stdoutBytes: 0,
        stderrBytes: 0,
        isTruncated: false,
        durationMs: 1,
      };
      return Promise.resolve({ ...done, ...answer(command) });
    },
    readFile: (path) => {
      const text = content.get(path);
      if (text === undefined) {
        return Promise.reject(new AppError("sandbox.failed", `There is no file ${path}.`));
      }
      const bytes = Buffer.from(text);
      return Promise.resolve({ bytes, sizeBytes: bytes.length, isTruncated: false });
    },
    writeFile: (path, text) => {
      content.set(path, Buffer.from(text).toString("utf8"));
      return Promise.resolve();
    },
    diskUsageBytes: () => Promise.resolve(0),
    close: () => Promise.resolve(),
  };
}
