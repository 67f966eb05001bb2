import { type EndpointShape, endpoints } from "@agentvine/contracts";
import type { TestResponse } from "./build-test-app.ts";
import { requestFixture } from "./request-fixture.ts";
import type { RequestInput } from "./request-input.ts";
import { type RequestSteps, requestSteps } from "./request-steps.ts";
import { controllersRequests, policiesRequests, workerRequestsRequests } from "./valid-decision-requests.ts";
import { secretRequests } from "./valid-secret-requests.ts";
import {
  auditRequests,
  inboxRequests,
  noticesRequests,
  repositoriesRequests,
  systemRequests,
} from "./valid-system-requests.ts";
import { talkRequests } from "./valid-talk-requests.ts";
import { executionsRequests, queueRequests, tasksRequests, workersRequests } from "./valid-work-requests.ts";
import { buildWorkFixture, type WorkFixture } from "./work-fixture.ts";

/** An endpoint, and how a request that it takes is made. */
export interface ValidRequest {
  /** As in `endpoints`: `tasks.create`. */
  name: string;
  endpoint: EndpointShape;
  make: () => Promise<RequestInput>;
}

/** A valid request for each endpoint; null where there can be none here. */
type ValidRequests = {
  [G in keyof typeof endpoints]: Record<keyof (typeof endpoints)[G], (() => Promise<RequestInput>) | null>;
};

const none = <G extends object>(group: G) =>
  Object.fromEntries(Object.keys(group).map((name) => [name, null])) as Record<keyof G, null>;

const requestsOf = (steps: RequestSteps): ValidRequests => ({
  queue: queueRequests(steps),
  tasks: tasksRequests(steps),
  workers: workersRequests(steps),
  executions: executionsRequests(steps),
  workerRequests: workerRequestsRequests(steps),
  controllers: controllersRequests(steps),
  policies: policiesRequests(steps),
  repositories: repositoriesRequests(steps),
  // With accounts they have tests of their own: hostile-accounts.int.test.ts.
  auth: none(endpoints.auth),
  users: none(endpoints.users),
  audit: auditRequests(),
  inbox: inboxRequests(),
  notices: noticesRequests(steps),
  system: systemRequests(steps),
  ...talkRequests({ ...steps, fixture: () => steps.fixture }),
  ...secretRequests({ ...steps, fixture: () => steps.fixture }),
});

const segment = (value: unknown): string => encodeURIComponent(wellFormed(value));
/** Addresses are bytes: halves of characters can't be sent in them. */
const wellFormed = (value: unknown): string =>
  (typeof value === "string" ? value : (JSON.stringify(value) ?? "")).toWellFormed();

/** A backend, and a valid request for each of its endpoints. */
export async function buildValidRequests(): Promise<{
  fixture: WorkFixture;
  all: readonly ValidRequest[];
  send(endpoint: EndpointShape, input: RequestInput): Promise<TestResponse>;
}> {
  // Nobody beats for the workers and the attempts: they must last as long as the test.
  const fixture = await buildWorkFixture({ leaseSeconds: 3_600, heartbeatSeconds: 1_200 });
  const worker = await fixture.registerWorker({ slots: 256 });
  const requests = requestsOf(requestSteps({ fixture, worker, asking: requestFixture(fixture) }));
  const declared: Record<string, Record<string, EndpointShape>> = endpoints;
  const all = Object.entries(requests).flatMap(([group, routes]) =>
    Object.entries(routes).flatMap(([name, make]) => {
      const endpoint = declared[group]?.[name];
      return make === null || endpoint === undefined ? [] : [{ name: `${group}.${name}`, endpoint, make }];
    }),
  );
  const send = async (endpoint: EndpointShape, { params = {}, query = {}, body, token }: RequestInput) => {
    const path = endpoint.path.replace(/:(\w+)/g, (_, name: string) => segment(params[name]));
    const search = Object.entries(query).map(([name, value]) => `${name}=${segment(value)}`);
    return await fixture.app.request(endpoint.method, `${path}?${search.join("&")}`, {
      ...(body === undefined ? {} : { body }),
      ...(token === undefined ? {} : { token }),
    });
  };
  return { fixture, all, send };
}
