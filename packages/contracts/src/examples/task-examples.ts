import { at, baseCommit, commit, event, finishedTask, ids, pageOfOne, task } from "./sample-resources.ts";

const params = { taskId: ids.task };

export const taskExamples = {
  create: {
    body: {
      title: task.title,
      description: task.description,
      type: "bugfix",
      repositoryUrl: task.repositoryUrl,
      priority: "high",
    },
    response: task,
  },
  createForAttempt: {
    body: {
      workOrderId: ids.workOrder,
      attempt: 1,
      title: "Round the shipping costs too",
      description: "The same mistake is in src/shipping.js.",
      type: "bugfix",
    },
    response: {
      taskId: ids.otherTask,
      title: "Round the shipping costs too",
      type: "bugfix",
      status: "pending",
      permissionLevel: "supervised",
      isNew: true,
    },
  },
  list: { query: { status: "queued,in_progress", sort: "priority" }, response: pageOfOne(task) },
  get: { params, response: finishedTask },
  update: { params, body: { priority: "critical" }, response: { ...task, priority: "critical" } },
  delete: { params },
  cancel: {
    params,
    body: { reason: "fixed by hand" },
    response: { ...task, status: "cancelled", statusReason: "fixed by hand", completedAt: at(3) },
  },
  retry: { params, body: {}, response: task },
  review: { params, body: { decision: "approve" }, response: { ...finishedTask, status: "in_review" } },
  diff: {
    params,
    response: {
      taskId: ids.task,
      executionId: ids.execution,
      baseCommit,
      commit,
      branch: null,
      patch: "diff --git a/src/discount.js b/src/discount.js\n",
      isTruncated: false,
    },
  },
  timeline: { params, query: { after: "0" }, response: { items: [event], next: 42 } },
  dependencies: {
    params,
    response: {
      items: [
        {
          taskId: ids.task,
          dependsOnTaskId: ids.otherTask,
          dependsOnStatus: "in_progress",
          createdAt: at(1),
        },
      ],
    },
  },
  addDependency: {
    params,
    body: { dependsOnTaskId: ids.otherTask },
    response: { ...task, status: "blocked", dependsOn: [ids.otherTask] },
  },
  removeDependency: { params: { ...params, dependsOnTaskId: ids.otherTask } },
};
