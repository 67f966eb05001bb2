import { fileURLToPath } from "node:url";
import { onStopRequest } from "./base/stop-requests.ts";
import { runSupervisor } from "./base/supervisor.ts";
import { loadWorkerConfig } from "./config.ts";

const failure = await runSupervisor({
  loadConfig: () => loadWorkerConfig(),
  executorEntry: fileURLToPath(new URL("executor-main.js", import.meta.url)),
  writeReady: (line) => process.stdout.write(`${line}\n`),
  onStopRequest,
});
if (failure !== null) process.stderr.write(`${failure}\n`);
// Idle sockets and watchers may still hold the process.
process.exit(failure === null ? 0 : 1);
