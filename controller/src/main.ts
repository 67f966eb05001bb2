import { readFileSync } from "node:fs";
import { createClient, isApiError } from "@agentvine/client";
import {
  coerceError,
  connectBackend,
  createLogger,
  isAppError,
  onShutdownSignals,
  onSupervisorGone,
  readToken,
} from "@agentvine/kit";
import { loadControllerConfig } from "./config.ts";
import { runController } from "./controller.ts";
import { createControllerApi } from "./controller-api.ts";

const versionOf = (): string => {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return typeof version === "string" ? version : "unknown";
};

async function main(): Promise<void> {
  const config = loadControllerConfig();
  const connection = connectBackend(config);
  const logger = createLogger({ name: "controller", level: config.log.level, pretty: config.log.isPretty });
  const stopping = new AbortController();
  const stop = (reason: string): void => stopping.abort(new Error(reason));
  onShutdownSignals(async (signal) => {
    stop(signal);
    // It ends by itself once it has stopped; a second signal ends it at once.
    await new Promise(() => undefined);
  });
  if (config.isStoppedWithStdin)
    onSupervisorGone(() => stop("the process that started this controller is gone"));
  const token = await readToken({
    token: config.token,
    tokenFile: config.tokenFile,
    waitMs: config.tokenWaitMs,
    logger,
    signal: stopping.signal,
  });
  const client = createClient({ ...connection, token });
  await runController(
    {
      config,
      api: createControllerApi(client),
      version: versionOf(),
      logger,
      onReady: (controllerId) =>
        process.stdout.write(`${JSON.stringify({ ready: true, controllerId, name: config.name })}\n`),
    },
    stopping.signal,
  );
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    const code = isAppError(error) || isApiError(error) ? error.code : "internal.unexpected";
    process.stderr.write(`agentvine: ${coerceError(error).message.replaceAll("\n", " ")} (${code})\n`);
    process.exit(1);
  },
);
