import { coerceError, isAppError, onShutdownSignals } from "@agentvine/kit";
import { readConfig } from "./config.ts";
import { startBackend } from "./process.ts";

const stopMsMax = 20_000;

// Whoever started us may be gone; that must not end us in the middle of stopping.
process.stdout.on("error", () => {});

try {
  const backend = await startBackend(readConfig());
  onShutdownSignals(() => backend.stop(), { forceAfterMs: stopMsMax });
  process.stdout.write(`${JSON.stringify(backend.ready)}\n`);
} catch (error) {
  const code = isAppError(error) ? error.code : "internal.unexpected";
  process.stderr.write(`agentvine: ${coerceError(error).message} (${code})\n`);
  process.exit(1);
}
