import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { z } from "zod";

export interface BareRoute {
  url: string;
  stop(): Promise<void>;
}

const readySchema = z.object({ url: z.string() });
const entry = fileURLToPath(new URL("./bare-server.ts", import.meta.url));

/** Starts the bare Fastify route, with this process's Node and flags. It answers every `/tasks/<id>` with `body`. */
export async function startBareRoute(body: object): Promise<BareRoute> {
  const child = fork(entry);
  const exited = once(child, "exit");
  const ready = await new Promise<z.infer<typeof readySchema>>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the bare route ended with ${code} before it was ready`)));
    child.once("message", (message) => resolve(readySchema.parse(message)));
    child.send(body);
  });
  return {
    url: ready.url,
    stop: async () => {
      child.disconnect();
      await exited;
    },
  };
}
