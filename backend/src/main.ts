import { coerceError, isAppError, onShutdownSignals, onSupervisorGone } from "@agentvine/kit";
import { readConfig } from "./config.ts";
import { startBackend } from "./process.ts";

const stopMsMax = 20_000;

// Whoever started us may be gone; that must not end us in the middle of stopping.
process.stdout.on("error", () => {});

try {
  const config = readConfig();
  const backend = await startBackend(config);
  onShutdownSignals(() => backend.stop(), { forceAfterMs: stopMsMax });
  if (config.stopsWithStdin) {
    onSupervisorGone(() => process.kill(process.pid, "SIGTERM"));
  }
  process.stdout.write(`${JSON.stringify(backend.ready)}\n`);
} catch (error) {
  const code = isAppError(error) ? error.code : "internal.unexpected";
  // One line: what follows in a failed query's message are its values.
  const [reason] = coerceError(error).message.split("\n");
  process.stderr.write(`agentvine: ${reason} (${code})\n`);
  process.exit(1);
}
