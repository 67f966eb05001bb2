import { describe, expect, test } from "vitest";
import type { z } from "zod";
import { endpoints } from "../endpoints/index.ts";
import { ids, runSuccess } from "../examples/sample-resources.ts";
import { eventQuerySchema } from "./event.ts";
import {
  artifactUploadQuerySchema,
  failureResultSchema,
  logChunkSchema,
  logLineSchema,
  progressSchema,
} from "./execution.ts";
import { repositoryUpdateSchema } from "./repository.ts";
import { apiKeyCreateSchema } from "./system.ts";
import { taskCreateSchema, taskQuerySchema, taskReviewSchema, taskUpdateSchema } from "./task.ts";
import { claimRequestSchema, completeSchema, enqueueBatchSchema, enqueueSchema } from "./work-order.ts";
import { workerHeartbeatSchema, workerRegisterSchema } from "./worker.ts";

const task = endpoints.tasks.create.example.body;
const claim = endpoints.queue.claim.example.body;
const worker = endpoints.workers.register.example.body;
const heartbeat = endpoints.workers.heartbeat.example.body;
const attempt = { workOrderId: ids.workOrder, attempt: 1 };
const failure = { outcome: "failed", failure: "agent", reason: "it gave up" };
const { repositoryUrl: _url, ...withoutRepository } = task;
const { title: _title, ...withoutTitle } = task;

/** Bodies that must get through, and for each refused one the field it must be refused for. */
const tables: { name: string; schema: z.ZodType; accepts: unknown[]; rejects: [unknown, string][] }[] = [
  {
    name: "task to create",
    schema: taskCreateSchema,
    accepts: [task, { ...withoutRepository, repositoryId: ids.repository }, { ...task, enqueue: false }],
    rejects: [
      [withoutTitle, "title"],
      [withoutRepository, "repositoryUrl"],
      [{ ...task, repositoryId: ids.repository }, "repositoryUrl"],
      [{ ...task, type: "chore" }, "type"],
      [{ ...task, priority: "urgent" }, "priority"],
      [{ ...task, permissionLevel: "root" }, "permissionLevel"],
      [{ ...task, branchName: "--upload-pack=x" }, "branchName"],
      [{ ...task, timeoutSeconds: 9 }, "timeoutSeconds"],
      [{ ...task, issueNumber: 0 }, "issueNumber"],
      [{ ...task, limits: { stepsMax: 0 } }, "limits.stepsMax"],
      [{ ...task, requiredLabels: ["a b"] }, "requiredLabels.0"],
      [{ ...task, dependsOn: ["x"] }, "dependsOn.0"],
      [{ ...task, context: [] }, "context"],
      ["text", ""],
      [null, ""],
    ],
  },
  {
    name: "task to change",
    schema: taskUpdateSchema,
    accepts: [{ title: "new" }, { branchName: null }, { status: "cancelled" }],
    rejects: [
      [{}, ""],
      [{ title: "" }, "title"],
      [{ status: "done" }, "status"],
      [{ unknown: 1 }, ""],
    ],
  },
  {
    name: "task query",
    schema: taskQuerySchema,
    accepts: [{}, { status: "queued,failed", isLive: "true", sort: "priority", order: "asc" }],
    rejects: [
      [{ status: "done" }, "status.0"],
      [{ sort: "title; drop table tasks" }, "sort"],
      [{ order: "up" }, "order"],
      [{ search: "x".repeat(201) }, "search"],
    ],
  },
  {
    name: "review",
    schema: taskReviewSchema,
    accepts: [{ decision: "approve" }, { decision: "reject", comment: "name it better" }],
    rejects: [
      [{ decision: "reject" }, "comment"],
      [{ decision: "reject", comment: "  " }, "comment"],
      [{ decision: "maybe" }, "decision"],
    ],
  },
  {
    name: "enqueue",
    schema: enqueueSchema,
    accepts: [{ taskId: ids.task }, { taskId: ids.task, delaySeconds: 0, maxRetries: 0 }],
    rejects: [
      [{}, "taskId"],
      [{ taskId: ids.task, maxRetries: 21 }, "maxRetries"],
      [{ taskId: ids.task, expiresInSeconds: 0 }, "expiresInSeconds"],
    ],
  },
  {
    name: "enqueue batch",
    schema: enqueueBatchSchema,
    accepts: [{ items: [{ taskId: ids.task }] }],
    rejects: [
      [{ items: [] }, "items"],
      [{ items: Array(1_001).fill({ taskId: ids.task }) }, "items"],
    ],
  },
  {
    name: "claim",
    schema: claimRequestSchema,
    accepts: [claim, { ...claim, waitSeconds: 0 }],
    rejects: [
      [{ ...claim, waitSeconds: 51 }, "waitSeconds"],
      [{ ...claim, slots: 0 }, "slots"],
      [{ ...claim, taskTypes: [] }, "taskTypes"],
      [{ ...claim, instanceId: "me" }, "instanceId"],
    ],
  },
  {
    name: "result",
    schema: completeSchema,
    accepts: [{ ...attempt, result: runSuccess }],
    rejects: [
      [{ ...attempt, attempt: 0, result: runSuccess }, "attempt"],
      [{ ...attempt, result: { ...runSuccess, outcome: "failed" } }, "result.outcome"],
      [{ ...attempt, result: { ...runSuccess, commit: "HEAD" } }, "result.commit"],
      [{ ...attempt, result: { ...runSuccess, verification: "failed" } }, "result.verification"],
    ],
  },
  {
    name: "failure",
    schema: failureResultSchema,
    accepts: [failure, { ...failure, outcome: "timed_out", failure: null }],
    rejects: [
      [{ ...failure, outcome: "succeeded" }, "outcome"],
      [{ ...failure, failure: "bad luck" }, "failure"],
      [{ ...failure, retryAfterMs: -1 }, "retryAfterMs"],
      [{ ...failure, reason: "x".repeat(20_001) }, "reason"],
    ],
  },
  {
    name: "worker",
    schema: workerRegisterSchema,
    accepts: [worker],
    rejects: [
      [{ ...worker, name: " " }, "name"],
      [{ ...worker, maxConcurrentTasks: 0 }, "maxConcurrentTasks"],
      [{ ...worker, capabilities: { ...worker.capabilities, taskTypes: [] } }, "capabilities.taskTypes"],
      [{ ...worker, capabilities: { ...worker.capabilities, sandbox: {} } }, "capabilities.sandbox.driver"],
    ],
  },
  {
    name: "heartbeat",
    schema: workerHeartbeatSchema,
    accepts: [heartbeat, { instanceId: ids.instance, orders: [] }],
    rejects: [
      [{ ...heartbeat, orders: [{ workOrderId: ids.workOrder, attempt: 0 }] }, "orders.0.attempt"],
      [{ ...heartbeat, commandsSeen: -1 }, "commandsSeen"],
    ],
  },
  {
    name: "log chunk",
    schema: logChunkSchema,
    accepts: [{ offset: 0, text: "" }],
    rejects: [
      [{ offset: -1, text: "" }, "offset"],
      [{ offset: 0, text: "x".repeat(262_145) }, "text"],
    ],
  },
  {
    name: "log line",
    schema: logLineSchema,
    accepts: [{ at: "2026-01-31T12:00:00Z", level: "info", source: "tool", message: "hi" }],
    rejects: [
      [{ at: "2026-01-31T12:00:00Z", level: "loud", source: "tool", message: "hi" }, "level"],
      [{ at: "2026-01-31T12:00:00Z", level: "info", source: "tool", message: "x".repeat(16_385) }, "message"],
    ],
  },
  {
    name: "progress",
    schema: progressSchema,
    accepts: [
      { kind: "phase", phase: "run" },
      { kind: "plan", steps: ["look", "mend"] },
      { kind: "tool", name: "read_file", summary: "src/a.js", isError: false },
    ],
    rejects: [
      [{ kind: "song" }, "kind"],
      [{ kind: "phase", phase: "lunch" }, "phase"],
      [{ kind: "plan", steps: Array(51).fill("x") }, "steps"],
    ],
  },
  {
    name: "artifact",
    schema: artifactUploadQuerySchema,
    accepts: [{ kind: "log", name: "stream.ndjson", digest: "0".repeat(64) }],
    rejects: [
      [{ kind: "log", name: "../etc/passwd", digest: "0".repeat(64) }, "name"],
      [{ kind: "log", name: "a", digest: "0" }, "digest"],
      [{ kind: "song", name: "a", digest: "0".repeat(64) }, "kind"],
    ],
  },
  {
    name: "API key",
    schema: apiKeyCreateSchema,
    accepts: [{ name: "ci", permissions: ["tasks:read"] }],
    rejects: [
      [{ name: "ci", permissions: [] }, "permissions"],
      [{ name: "ci", permissions: ["everything"] }, "permissions.0"],
      [{ name: "ci", permissions: ["tasks:read"], expiresAt: "tomorrow" }, "expiresAt"],
    ],
  },
  {
    name: "event query",
    schema: eventQuerySchema,
    accepts: [{}, { after: "5", limit: "1000" }],
    rejects: [
      [{ after: "-1" }, "after"],
      [{ limit: "1001" }, "limit"],
    ],
  },
];

describe.each(tables)("$name", ({ schema, accepts, rejects }) => {
  test("accepts what it must", () => {
    for (const value of accepts) {
      expect(schema.safeParse(value)).toMatchObject({ success: true });
    }
  });
  test.each(rejects.map(([value, path]) => [path, JSON.stringify(value).slice(0, 60), value] as const))(
    "rejects for %j: %s",
    (path, _shown, value) => {
      const result = schema.safeParse(value);
      expect(result.success).toBe(false);
      expect(result.error?.issues.map((issue) => issue.path.join("."))).toContain(path);
    },
  );
});

test("a settings change names only what it changes: the rest is not reset to defaults", () => {
  const change = repositoryUpdateSchema.parse({ settings: { testCommand: "npm test" } });
  expect(change.settings).toEqual({ testCommand: "npm test" });
});
