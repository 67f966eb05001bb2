import { parseArgs } from "node:util";
import { startScriptedModel } from "./server.ts";

// The scripted model as a process of its own. Prints one line of JSON when it listens; ends on SIGTERM, SIGINT and,
// unless detached, when its standard input closes: so it never outlives who started it.
const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    "delay-ms": { type: "string", default: "0" },
    detached: { type: "boolean", default: false },
  },
});

const model = await startScriptedModel({ port: Number(values.port), delayMs: Number(values["delay-ms"]) });

function stop(): void {
  // Nothing is worth waiting for: the server keeps no state.
  void model.close().finally(() => process.exit(0));
}

process.once("SIGTERM", stop);
process.once("SIGINT", stop);
if (!values.detached) process.stdin.once("end", stop).once("error", stop).resume();

process.stdout.write(
  `${JSON.stringify({ ready: true, url: model.url, baseUrl: model.baseUrl, pid: process.pid })}\n`,
);
