import {
  artifact,
  at,
  baseCommit,
  checkpoint,
  digest,
  execution,
  ids,
  pageOfOne,
} from "./sample-resources.ts";

const params = { executionId: ids.execution };

export const executionExamples = {
  list: { query: { taskId: ids.task }, response: pageOfOne(execution) },
  get: { params, response: execution },
  logs: {
    params,
    query: { after: "0", level: "info" },
    response: {
      items: [
        {
          id: 1,
          executionId: ids.execution,
          level: "info",
          source: "gate",
          stream: "stdout",
          message: "tests pass: 12 passed",
          metadata: {},
          loggedAt: at(4),
        },
      ],
      next: 1,
      isComplete: true,
    },
  },
  appendLog: {
    params,
    body: {
      offset: 0,
      text: '{"at":"2026-01-31T12:04:00.000Z","level":"info","source":"gate","stream":"stdout","message":"tests pass"}\n',
    },
    response: { offset: 107, isFull: false },
  },
  progress: { params, body: { kind: "phase", phase: "verify", detail: "round 1" } },
  artifacts: { params, response: { items: [artifact] } },
  uploadArtifact: {
    params,
    query: { kind: "bundle", name: "result.bundle", digest },
    response: artifact,
  },
  downloadArtifact: { params: { artifactId: ids.bundle } },
  createCheckpoint: {
    params,
    body: {
      step: 4,
      driver: "builtin",
      baseCommit,
      transcriptArtifactId: ids.transcript,
      snapshotArtifactId: null,
    },
    response: checkpoint,
  },
};
