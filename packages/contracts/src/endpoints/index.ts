import { auditEndpoints } from "./audit-endpoints.ts";
import { authEndpoints } from "./auth-endpoints.ts";
import { chatEndpoints } from "./chat-endpoints.ts";
import { contextEndpoints } from "./context-endpoints.ts";
import { controllerEndpoints } from "./controller-endpoints.ts";
import { credentialEndpoints, secretEndpoints } from "./credential-endpoints.ts";
import { executionEndpoints } from "./execution-endpoints.ts";
import { inboxEndpoints } from "./inbox-endpoints.ts";
import { noticeEndpoints } from "./notice-endpoints.ts";
import { policyEndpoints } from "./policy-endpoints.ts";
import { queueEndpoints } from "./queue-endpoints.ts";
import { repositoryEndpoints } from "./repository-endpoints.ts";
import { systemEndpoints } from "./system-endpoints.ts";
import { taskEndpoints } from "./task-endpoints.ts";
import { userEndpoints } from "./user-endpoints.ts";
import { workerEndpoints } from "./worker-endpoints.ts";
import { workerRequestEndpoints } from "./worker-request-endpoints.ts";

export * from "./endpoint.ts";

/** Every route of the backend. */
export const endpoints = {
  system: systemEndpoints,
  auth: authEndpoints,
  users: userEndpoints,
  repositories: repositoryEndpoints,
  credentials: credentialEndpoints,
  secrets: secretEndpoints,
  tasks: taskEndpoints,
  workers: workerEndpoints,
  queue: queueEndpoints,
  executions: executionEndpoints,
  controllers: controllerEndpoints,
  inbox: inboxEndpoints,
  notices: noticeEndpoints,
  policies: policyEndpoints,
  context: contextEndpoints,
  chat: chatEndpoints,
  audit: auditEndpoints,
  workerRequests: workerRequestEndpoints,
} as const;
