import { at, ids, pageOfOne } from "./sample-resources.ts";

const channelId = "0192f0c1-7a10-7c11-8a01-000000000021";
const params = { channelId };
const channel = {
  id: channelId,
  kind: "webhook",
  name: "team chat",
  address: "https://chat.example.org/…",
  format: "slack",
  types: ["request.waiting", "task.failed"],
  scope: "all",
  isEnabled: true,
  createdAt: at(1),
  lastSentAt: at(9),
  lastError: "",
};

export const noticeExamples = {
  createChannel: {
    body: {
      kind: "webhook",
      name: "team chat",
      address: "https://chat.example.org/hooks/T0/B0/x",
      format: "slack",
      types: ["request.waiting", "task.failed"],
    },
    response: { channel, signingSecret: "avw_kX3vY1dZ0pQ" },
  },
  listChannels: { response: { items: [channel] } },
  updateChannel: { params, body: { isEnabled: false }, response: { ...channel, isEnabled: false } },
  deleteChannel: { params },
  testChannel: { params, response: { isSent: true, reason: "" } },
  list: {
    query: { status: "sent" },
    response: pageOfOne({
      id: "0192f0c1-7a10-7c11-8a01-000000000022",
      channelId,
      type: "task.failed",
      taskId: ids.task,
      workerRequestId: null,
      status: "sent",
      tries: 1,
      reason: "",
      createdAt: at(8),
      endedAt: at(9),
    }),
  },
};
