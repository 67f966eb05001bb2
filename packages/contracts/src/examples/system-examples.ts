import { at, event, ids } from "./sample-resources.ts";

const up = (latencyMs: number, detail: string) => ({ status: "up", latencyMs, detail });
const lanes = [
  { lane: "high_priority", pending: 1, oldestPendingSeconds: 12.5 },
  { lane: "default", pending: 0, oldestPendingSeconds: null },
  { lane: "low_priority", pending: 0, oldestPendingSeconds: null },
];
const waits = {
  requests: 12,
  open: 1,
  people: { requests: 12, secondsTotal: 840, secondsP50: 45, secondsP95: 180 },
  controllers: { requests: 3, secondsTotal: 9, secondsP50: 3, secondsP95: 4 },
};
const apiKey = {
  id: ids.apiKey,
  name: "ci",
  createdBy: ids.user,
  prefix: "avk_3kT9xQ2b",
  permissions: ["tasks:read", "tasks:write"],
  createdAt: at(0),
  lastUsedAt: null,
  expiresAt: null,
  revokedAt: null,
  rotatedFromId: null,
};

export const systemExamples = {
  health: {
    response: {
      status: "up",
      components: { database: up(2, "embedded"), queue: up(3, "1 pending"), workers: up(2, "1 idle") },
    },
  },
  live: { response: { status: "up" } },
  ready: { response: { status: "up", components: { database: up(2, "embedded"), migrations: up(2, "") } } },
  about: {
    response: {
      name: "agentvine",
      version: "0.1.0",
      apiVersion: "v1",
      mode: "local",
      registration: null,
      node: "20.20.2",
      database: { kind: "embedded", version: "18.4" },
      backgroundQueue: "postgres",
      startedAt: at(0),
    },
  },
  metrics: { response: 'agentvine_queue_pending{lane="default"} 3\n' },
  events: { query: { after: "41" }, response: { items: [event], next: 42 } },
  eventStream: {
    query: { after: "41" },
    response: `id: 42\nevent: task.completed\ndata: ${JSON.stringify(event)}\n\n`,
  },
  stats: {
    query: { windowSeconds: "86400" },
    response: {
      tasks: { queued: 1, completed: 8 },
      lanes,
      workers: { idle: 1 },
      window: {
        seconds: 86_400,
        completed: 8,
        failed: 2,
        successRate: 0.8,
        throughputPerHour: 0.42,
        secondsToDoneP50: 240,
        secondsToDoneP95: 900,
      },
    },
  },
  statsSeries: {
    query: { limit: "60" },
    response: {
      items: [{ sampledAt: at(1), lanes, claimed: 1, completed: 8, failed: 2, workersOnline: 1 }],
    },
  },
  statsWaiting: {
    query: { by: "rule", windowSeconds: "86400" },
    response: {
      seconds: 86_400,
      by: "rule",
      all: waits,
      items: [{ id: "default.approvals", name: "default.approvals", ...waits }],
    },
  },
  createApiKey: {
    body: { name: "ci", permissions: ["tasks:read", "tasks:write"] },
    response: { apiKey, secret: "avk_…" },
  },
  listApiKeys: { response: { items: [apiKey] } },
  rotateApiKey: {
    params: { apiKeyId: ids.apiKey },
    body: { overlapSeconds: 3_600 },
    response: { apiKey: { ...apiKey, id: ids.otherApiKey, rotatedFromId: ids.apiKey }, secret: "avk_…" },
  },
  revokeApiKey: { params: { apiKeyId: ids.apiKey } },
  createLocalLink: {
    response: { url: "http://127.0.0.1:7420/local/open?code=…", expiresAt: at(10) },
  },
  openLocalLink: { query: { code: "…" } },
};
