import { spawn } from "node:child_process";
import { once } from "node:events";
import { processTags } from "./sweep-processes.ts";
import { toolPath } from "./tool-path.ts";

export interface Watcher {
  readonly pid: number | undefined;
  /** Tells the watcher that the executor ended well: it goes away without touching anything. Resolves when it is gone. */
  stop(): Promise<void>;
}

// Waits for a line or for the end of its input. The end without the line means that the supervisor died. The look at /proc is one
// grep over all environments (entries are NUL-terminated, hence -z); the shell itself does not carry the tag.
const script = `
IFS= read -r word
[ "$word" = done ] && exit 0
kill -KILL -- "-$2" "$2" 2>/dev/null
empty=0 looks=0
while [ "$empty" -lt 2 ] && [ "$looks" -lt 500 ]; do
  looks=$((looks + 1))
  pids=$(grep -lszxF -e "$1" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3)
  if [ -z "$pids" ]; then
    empty=$((empty + 1))
  else
    empty=0
    kill -KILL $pids 2>/dev/null
    sleep 0.02
  fi
done
`;

/**
 * Starts a tiny shell that outlives this process by a moment: when we die in any way, kill -9 included, the pipe it holds ends, and
 * it kills the executor's process group and everything that carries the execution's tag, within a second.
 * @param executorPid leader of the executor's process group (spawned with `detached`).
 */
export function startWatcher(executionId: string, executorPid: number): Watcher {
  const child = spawn(
    "/bin/sh",
    ["-c", script, "agentvine-watcher", `${processTags.execution}=${executionId}`, String(executorPid)],
    // A session of its own: neither Ctrl-C nor the kill of our group takes it away before it has done its work.
    { detached: true, stdio: ["pipe", "ignore", "ignore"], env: { PATH: toolPath() }, cwd: "/" },
  );
  child.on("error", () => {});
  child.stdin.on("error", () => {});
  child.unref();
  // Held open, but no reason for our own process to stay.
  if ("unref" in child.stdin && typeof child.stdin.unref === "function") {
    child.stdin.unref();
  }
  return {
    pid: child.pid,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) {
        return;
      }
      const exited = once(child, "exit");
      child.ref();
      child.stdin.end("done\n");
      await exited;
    },
  };
}
