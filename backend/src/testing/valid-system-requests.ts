import { endpoints } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { cursorOf } from "../modules/inbox/inbox-cursor.ts";
import { exampleOf, withBody } from "./request-input.ts";
import type { RequestSteps } from "./request-steps.ts";

// Valid requests for the endpoints of the installation and of what people are told.

export const repositoriesRequests = ({ pendingTask, unusedRepository }: RequestSteps) => ({
  create: async () => ({
    body: {
      url: `https://example.com/a/${newId()}`,
      name: "n",
      defaultBranch: "main",
      settings: {
        ...{ setupCommand: "a", testCommand: "b", coverageCommand: null, commandTimeoutSeconds: 5 },
        environment: { A: "b" },
      },
    },
  }),
  list: async () => ({ query: { page: 1, pageSize: 5, search: "x" } }),
  get: async () => ({ params: { repositoryId: (await pendingTask()).repositoryId } }),
  update: async () => ({
    params: { repositoryId: (await pendingTask()).repositoryId },
    body: {
      ...{ name: "n", defaultBranch: "main" },
      settings: { setupCommand: "a", commandTimeoutSeconds: 5, environment: { A: "b" } },
    },
  }),
  delete: async () => ({ params: { repositoryId: await unusedRepository() } }),
});

export const auditRequests = () => ({
  list: async () => ({
    query: {
      ...{ from: "2026-01-01T00:00:00Z", until: "2030-01-01T00:00:00Z", action: "policy.changed" },
      ...{
        actorId: newId(),
        userId: newId(),
        targetType: "policy",
        targetId: "1",
        after: newId(),
        limit: 5,
      },
    },
  }),
  export: async () => ({
    query: { until: "2026-01-01T00:00:00Z", action: "policy.changed", targetId: "1" },
  }),
  verify: async () => ({ query: { sealNumber: 1, sealDigest: "0".repeat(64) } }),
});

export const inboxRequests = () => {
  const somePlace = { urgency: 0, deadlineUs: "1", sinceUs: "1", id: newId() };
  return {
    list: async () => ({
      query: {
        ...{ kind: "review", repositoryId: newId(), taskId: newId(), priority: "low", isMine: "true" },
        ...{ sort: "newest", after: cursorOf("newest", somePlace), limit: 5 },
      },
    }),
  };
};

export const noticesRequests = ({ fixture, noticeChannel }: RequestSteps) => {
  const { notices } = endpoints;
  return {
    createChannel: async () => {
      await fixture.sql("delete from notice_channels");
      return { body: withBody(notices.createChannel, { address: `https://example.org/${newId()}` }) };
    },
    listChannels: async () => ({}),
    updateChannel: async () => ({
      params: { channelId: await noticeChannel() },
      body: { name: "n", types: ["task.failed"], scope: "mine", isEnabled: true },
    }),
    deleteChannel: async () => ({ params: { channelId: await noticeChannel() } }),
    testChannel: async () => ({ params: { channelId: await noticeChannel() } }),
    list: async () => ({ query: { page: 1, pageSize: 5, status: "sent", channelId: newId() } }),
  };
};

export const systemRequests = ({ apiKey }: RequestSteps) => {
  const { system } = endpoints;
  return {
    health: async () => ({}),
    live: async () => ({}),
    ready: async () => ({}),
    about: async () => ({}),
    metrics: async () => ({}),
    events: async () => ({ query: { after: 0, limit: 5, taskId: newId(), executionId: newId() } }),
    // Never ends.
    eventStream: null,
    stats: async () => ({ query: exampleOf(system.stats).query ?? {} }),
    statsWaiting: async () => ({ query: { windowSeconds: 60, by: "person", limit: 5 } }),
    statsSeries: async () => ({ query: exampleOf(system.statsSeries).query ?? {} }),
    createApiKey: async () => ({
      body: withBody(system.createApiKey, { expiresAt: "2030-01-01T00:00:00Z" }),
    }),
    listApiKeys: async () => ({}),
    rotateApiKey: async () => ({ params: { apiKeyId: await apiKey() }, body: { overlapSeconds: 60 } }),
    revokeApiKey: async () => ({ params: { apiKeyId: await apiKey() } }),
    createLocalLink: async () => ({}),
    openLocalLink: async () => ({ query: { code: "x" } }),
  };
};
