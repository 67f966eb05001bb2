import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { z } from "zod";

/** A program of the bench in a process of its own. */
export interface ChildProgram<T> {
  /** What it said when it was ready. */
  ready: T;
  process: ChildProcess;
  /** Ends it; resolves when it is gone. */
  stop(): Promise<void>;
}

/**
 * Starts a program with this process's Node and flags, gives it its first message and waits for its own. It ends when it is
 * disconnected.
 * @throws Error when it ends before it is ready; its own words are on standard error
 */
export async function startChild<T>(
  entry: URL,
  input: object,
  readySchema: z.ZodType<T>,
): Promise<ChildProgram<T>> {
  const child = fork(fileURLToPath(entry));
  const exited = once(child, "exit");
  const ready = await new Promise<T>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) =>
      reject(new Error(`${entry.pathname} ended with ${code} before it was ready`)),
    );
    child.once("message", (message) => resolve(readySchema.parse(message)));
    child.send(input);
  });
  return {
    ready,
    process: child,
    stop: async () => {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
