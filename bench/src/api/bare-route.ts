import { z } from "zod";
import { startChild } from "../child-program.ts";

export interface BareRoute {
  url: string;
  stop(): Promise<void>;
}

const readySchema = z.object({ url: z.string() });

/** Starts the bare Fastify route. It answers every `/tasks/<id>` with `body`. */
export async function startBareRoute(body: object): Promise<BareRoute> {
  const { ready, stop } = await startChild(new URL("./bare-server.ts", import.meta.url), body, readySchema);
  return { url: ready.url, stop };
}
