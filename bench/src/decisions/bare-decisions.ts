import type { WorkerRequest } from "@agentvine/contracts";
import { z } from "zod";
import { startChild } from "../child-program.ts";
import { createHttpClient, type HttpClient } from "../http-client.ts";
import { type Asked, questionForPeople } from "./agents.ts";

/** The bare routes, with a client. */
export interface BareDecisions {
  http: HttpClient;
  raise(asked: Asked): Promise<{ id: string }>;
  stop(): Promise<void>;
}

const readySchema = z.object({ url: z.string() });

/** Starts the bare routes over an empty database. @param list what the bare inbox shows */
export async function startBareDecisions(databaseUrl: string, list: object = {}): Promise<BareDecisions> {
  const entry = new URL("./bare-server.ts", import.meta.url);
  const child = await startChild(entry, { databaseUrl, list }, readySchema);
  const http = createHttpClient(child.ready.url, "");
  return {
    http,
    raise: (asked) => http.send<WorkerRequest>("POST", "/api/v1/worker-requests", { body: asked }),
    stop: async () => {
      http.close();
      await child.stop();
    },
  };
}

/** An agent of the bare routes: it asks, and waits for the answer. */
export const bareAgent = ({ http, raise }: BareDecisions) => ({
  ask: () => raise(questionForPeople()),
  wait: (id: string) => http.send<object>("GET", `/api/v1/worker-requests/${id}/wait`),
});
