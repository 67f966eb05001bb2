import type { Readable } from "node:stream";

/**
 * Calls `stop` when the supervisor's end of our stdin closes: it ended, in whatever way. Only for processes that were told that their
 * stdin is such a pipe; of others stdin may be closed from the start.
 * @returns a function that stops watching.
 */
export function onSupervisorGone(stop: () => void, stdin: Readable = process.stdin): () => void {
  // A pipe reports its end only while it is read.
  stdin.resume();
  const onGone = (): void => stop();
  stdin.once("end", onGone);
  stdin.once("error", onGone);
  return () => {
    stdin.off("end", onGone);
    stdin.off("error", onGone);
    stdin.pause();
  };
}
