import { at, ids } from "./sample-resources.ts";

export const inboxExamples = {
  list: {
    query: { kind: "approval,review", isMine: "true", limit: "20" },
    response: {
      items: [
        {
          kind: "approval",
          id: "0192f0c1-7a10-7c11-8a01-000000000031",
          taskId: ids.task,
          taskTitle: "Cart totals are a cent short",
          taskType: "bugfix",
          taskPriority: "normal",
          repositoryId: ids.repository,
          repositoryUrl: "https://example.org/corner-shop.git",
          headline: "Asks for leave: npm install left-pad",
          since: at(5),
          waitedMs: 60_000,
          deadlineAt: at(50),
          assignedTo: null,
          generation: 1,
          alikeCount: 2,
        },
      ],
      next: null,
      counts: {
        clarification: 0,
        question: 0,
        approval: 1,
        plan: 0,
        review: 0,
        proposed_task: 0,
        blocked: 0,
      },
      beside: { proposedDocuments: 0, proposedRules: 0 },
    },
  },
};
