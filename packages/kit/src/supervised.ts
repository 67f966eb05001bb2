import type { Readable } from "node:stream";

/**
 * Calls `stop` when the supervisor's end of our stdin closes: it ended, in whatever way. Only for processes that were told that their
 * stdin is such a pipe; of others stdin may be closed from the start.
 * @returns a function that stops watching.
 */
export function onSupervisorGone(stop: () => void, stdin: Readable = process.stdin): () => void {
  // A pipe reports its end only while it is read.
  stdin.resume();
  stdin.once("end", stop);
  stdin.once("error", stop);
  return () => {
    stdin.off("end", stop);
    stdin.off("error", stop);
    stdin.pause();
  };
}
