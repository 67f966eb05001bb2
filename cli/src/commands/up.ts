import { join } from "node:path";
import { endpoints } from "@agentvine/contracts";
import { AppError, isAppError, prepareDataDirectory } from "@agentvine/kit";
import type { Environment } from "../config.ts";
import { exitCodes } from "../exit-code.ts";
import { durationText } from "../output/duration.ts";
import { backendEnvironment, workerEnvironment } from "../processes/child-environment.ts";
import { resolveEntryPoints } from "../processes/entry-points.ts";
import { assertPortFree, freePort } from "../processes/free-port.ts";
import { type Stack, startStack } from "../processes/stack.ts";
import { clearUpState, readUpState, writeUpState } from "../processes/up-state.ts";
import type { CommandContext } from "./command.ts";

export interface UpFlags {
  readonly port: number;
  readonly host: string;
  readonly workers: number;
  readonly slots: number;
  readonly sandbox?: string;
  readonly acceptNoSandbox?: boolean;
  readonly model?: string;
  readonly verbose?: boolean;
  readonly json?: boolean;
}

/** `up`: backend and workers on the user's own data directory, until Ctrl-C. */
export const up = async (context: CommandContext, flags: UpFlags): Promise<number> => {
  const { config, output, signal } = context;
  const startedMs = performance.now();
  await prepareDataDirectory(config.home);
  const running = readUpState(config.home);
  if (running !== undefined && running.pid !== process.pid) {
    throw new AppError(
      "home.in_use",
      `agentvine runs already at ${running.url} (pid ${running.pid}) on ${config.home}`,
    );
  }
  // The workers start beside the backend, so its port must be known before it listens.
  const port = flags.port === 0 ? await freePort() : flags.port;
  await assertPortFree(flags.host, port);
  output.note(`starting on ${config.home} …`);
  const stack = await startStack(stackOptions(context, { ...flags, port }));
  try {
    writeUpState(config.home, { url: stack.url, pid: process.pid });
    await announce(context, flags, stack, performance.now() - startedMs);
    await aborted(signal);
    output.note("stopping …");
  } finally {
    clearUpState(config.home);
    await stack.stop();
  }
  output.note("stopped");
  return exitCodes.ok;
};

const acceptsNoSandbox = (environment: Environment, flags: UpFlags): boolean =>
  flags.acceptNoSandbox === true || environment.AGENTVINE_WORKER_ACCEPT_NO_SANDBOX === "true";

const stackOptions = ({ config, output }: CommandContext, flags: UpFlags) => {
  const port = flags.port;
  const serverUrl = localUrl(config.environment, flags.host, port);
  const shared = { AGENTVINE_HOME: config.home };
  // What goes to an address that this machine itself listens on stays on it, whatever it is called.
  const beside = serverUrl.startsWith("http:") ? { AGENTVINE_ALLOW_PLAIN_HTTP: "true" } : {};
  const tokenFile = join(config.home, "worker.key");
  return {
    entryPoints: resolveEntryPoints(),
    home: config.home,
    host: flags.host,
    port,
    caFile: config.caFile,
    backendEnv: {
      // Who lets agents work without a sandbox does not want to be asked about every edit; a policy that is named comes first.
      ...(acceptsNoSandbox(config.environment, flags) ? { AGENTVINE_POLICY: "no-sandbox" } : {}),
      ...backendEnvironment(config.environment),
      ...shared,
      AGENTVINE_PORT: String(port),
      AGENTVINE_HOST: flags.host,
    },
    workerEnvs: Array.from({ length: flags.workers }, (_, index) => ({
      ...workerEnvironment(config.environment),
      ...shared,
      ...beside,
      ...workerSettings({ serverUrl, tokenFile, home: config.home, index, slots: flags.slots }),
      ...(flags.sandbox === undefined ? {} : { AGENTVINE_WORKER_SANDBOX: flags.sandbox }),
      ...(flags.acceptNoSandbox === true ? { AGENTVINE_WORKER_ACCEPT_NO_SANDBOX: "true" } : {}),
      ...(flags.model === undefined ? {} : { AGENTVINE_MODEL: flags.model }),
    })),
    controllerEnv: {
      ...workerEnvironment(config.environment),
      ...shared,
      ...beside,
      ...controllerSettings({ serverUrl, home: config.home }),
      ...(flags.model === undefined ? {} : { AGENTVINE_MODEL: flags.model }),
    },
    onNote: output.note,
    ...(flags.verbose === true
      ? { onLog: (name: string, line: string) => output.note(`${name}: ${line}`) }
      : {}),
  };
};

/**
 * Where the processes beside the backend find it. Over TLS its certificate must name that host, so they use the address that everybody
 * uses.
 */
const localUrl = (environment: Environment, host: string, port: number): string => {
  const { AGENTVINE_TLS_CERT_FILE: certFile = "", AGENTVINE_PUBLIC_URL: publicUrl = "" } = environment;
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host;
  const here = `${name}:${port}`;
  if (certFile === "") return `http://${here}`;
  return publicUrl === "" ? `https://${here}` : publicUrl;
};

/** Settings every worker that is started beside its backend has. */
export const workerSettings = (settings: {
  serverUrl: string;
  tokenFile: string;
  home: string;
  index: number;
  slots: number;
}): Record<string, string> => ({
  AGENTVINE_SERVER: settings.serverUrl,
  AGENTVINE_TOKEN_FILE: settings.tokenFile,
  AGENTVINE_WORKER_NAME: `local-${settings.index + 1}`,
  AGENTVINE_WORKER_DATA_DIR: join(settings.home, "workers", String(settings.index + 1)),
  AGENTVINE_WORKER_SLOTS: String(settings.slots),
});

/** Settings a controller that is started beside its backend has. */
export const controllerSettings = ({
  serverUrl,
  home,
}: {
  serverUrl: string;
  home: string;
}): Record<string, string> => ({
  AGENTVINE_SERVER: serverUrl,
  AGENTVINE_TOKEN_FILE: join(home, "controller.key"),
  AGENTVINE_CONTROLLER_NAME: "local",
});

const announce = async (
  context: CommandContext,
  flags: UpFlags,
  stack: Stack,
  tookMs: number,
): Promise<void> => {
  const { output, config } = context;
  const { colors } = output;
  const wayIn = await wayInto(context, stack);
  if (flags.json === true) {
    output.json({
      ready: true,
      url: stack.url,
      home: config.home,
      pid: process.pid,
      workers: stack.workers.length,
      ...(stack.setUpUrl === null ? {} : { setUpUrl: stack.setUpUrl }),
    });
  }
  const lines = [
    `${colors.green("ready")} in ${durationText(tookMs)}`,
    `  address   ${colors.bold(stack.url)}`,
    ...wayIn,
    `  data      ${config.home}`,
    `  workers   ${stack.workers.length} of ${flags.workers}, ${flags.slots} slots each`,
    ...stack.workerFaults.map((fault) =>
      colors.yellow(`  no worker: ${fault.message}${isAppError(fault) ? ` (${fault.code})` : ""}`),
    ),
    stack.controllerFault === undefined
      ? `  inbox     agentvine inbox list ${colors.dim("(what agents ask)")}`
      : colors.yellow(`  no controller: ${stack.controllerFault.message}; people answer everything`),
    `  next      agentvine task create --repo . --type bugfix --title "…" --watch`,
    colors.dim("Ctrl-C stops it; nothing is lost."),
  ];
  for (const line of lines) output.note(line);
};

/** How people get in: by a one-time link, or by their accounts, the first of which comes by a link too. */
const wayInto = async ({ output: { colors } }: CommandContext, stack: Stack): Promise<string[]> => {
  const { mode } = await stack.client.call(endpoints.system.about);
  if (mode === "local") {
    const { url } = await stack.client.call(endpoints.system.createLocalLink);
    return [`  browser   ${url}  ${colors.dim("(works once, for ten minutes)")}`];
  }
  if (stack.setUpUrl === null) return ["  accounts  sign in with agentvine login <name>"];
  return [
    `  set up    ${colors.bold(stack.setUpUrl)}  ${colors.dim("(makes the first administrator, once, for a day)")}`,
    `            agentvine account set-up "<that link>" --username <name> --email <address>`,
  ];
};

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
