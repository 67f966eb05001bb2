import { fileURLToPath } from "node:url";
import { loadExecutorEnvironment } from "./config.ts";
import { runExecutor } from "./execution/executor.ts";

// Signals of the terminal are the supervisor's business: it tells us by the pipe what to do.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => undefined);

runExecutor(
  {
    send: (message) =>
      // A pipe that closed meanwhile is told by its own event.
      new Promise((resolve) => process.send?.(message, undefined, undefined, () => resolve())),
    onMessage: (handle) => process.on("message", handle),
    onClose: (handle) =>
      process.on("disconnect", () => {
        handle();
        // At once: the watcher kills what is left below us.
        process.exit(1);
      }),
  },
  loadExecutorEnvironment(),
  fileURLToPath(new URL("relay-main.js", import.meta.url)),
).then(
  () => process.exit(0),
  () => process.exit(1),
);
