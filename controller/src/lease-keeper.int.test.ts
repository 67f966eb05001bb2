import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createClient } from "@agentvine/client";
import { endpoints, type RequestLease } from "@agentvine/contracts";
import { waitUntil } from "@agentvine/testkit";
import { expect, test } from "vitest";
import { createControllerApi } from "./controller-api.ts";
import { keepLease } from "./lease-keeper.ts";

test("a lease is renewed over failures of the backend until it is over; what is thought then is lost", async () => {
  const answers = [503, 200, 409];
  const server = createServer((_request, response) => {
    const status = answers.shift() ?? 409;
    const error = { code: "worker_request.lease_lost", message: "gone", requestId: "r" };
    const body = status === 200 ? { leaseMs: 30 } : { error };
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const api = createControllerApi(createClient({ baseUrl: `http://127.0.0.1:${port}`, token: "t" }));
  const example = endpoints.workerRequests.claim.example?.response as RequestLease;
  const lost = new AbortController();
  const stop = keepLease(api, { ...example, leaseMs: 30 }, "c", lost);
  await waitUntil(() => lost.signal.aborted);
  expect(answers).toEqual([]);
  stop();
  server.closeAllConnections();
  server.close();
});
