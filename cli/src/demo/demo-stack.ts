import { join } from "node:path";
import type { CommandContext } from "../commands/command.ts";
import { controllerSettings, workerSettings } from "../commands/up.ts";
import { bareEnvironment } from "../processes/child-environment.ts";
import { resolveEntryPoints } from "../processes/entry-points.ts";
import { freePort } from "../processes/free-port.ts";
import { type Stack, startStack } from "../processes/stack.ts";
import type { DemoModel } from "./demo-model.ts";
import { samplePolicyFile } from "./samples.ts";

const workerCount = 2;

/** Backend, workers and controller of the demo on a directory of their own. */
export const startDemoStack = async (
  context: CommandContext,
  flags: { readonly chaos?: boolean },
  home: string,
  model: DemoModel,
): Promise<Stack> => {
  const port = await freePort();
  // A killed worker's leases run out soon, so that the recovery can be watched.
  const short =
    flags.chaos === true ? { AGENTVINE_LEASE_SECONDS: "4", AGENTVINE_HEARTBEAT_SECONDS: "1" } : {};
  const shared = { AGENTVINE_HOME: home };
  const settings = {
    serverUrl: `http://127.0.0.1:${port}`,
    tokenFile: join(home, "worker.key"),
    home,
    slots: 2,
  };
  return startStack({
    entryPoints: resolveEntryPoints(),
    home,
    host: "127.0.0.1",
    port,
    backendEnv: {
      ...bareEnvironment(context.config.environment),
      ...shared,
      ...short,
      AGENTVINE_PORT: String(port),
      AGENTVINE_POLICY: samplePolicyFile(),
    },
    workerEnvs: Array.from({ length: workerCount }, (_, index) => ({
      ...model.env,
      ...shared,
      ...workerSettings({ ...settings, index }),
    })),
    controllerEnv: {
      ...model.env,
      ...shared,
      ...controllerSettings({ serverUrl: settings.serverUrl, home }),
    },
    onNote: (text) => context.output.note(context.output.colors.yellow(text)),
  });
};
