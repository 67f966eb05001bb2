import { auditExamples } from "../examples/audit-examples.ts";
import {
  auditExportQuerySchema,
  auditListSchema,
  auditQuerySchema,
  auditVerificationSchema,
  auditVerifyQuerySchema,
} from "../resources/audit.ts";
import { defineEndpoint } from "./endpoint.ts";

export const auditEndpoints = {
  list: defineEndpoint({
    method: "GET",
    path: "/api/v1/audit-log",
    permission: "audit:read",
    tag: "audit",
    summary: "Who did what, from where and when; newest first",
    query: auditQuerySchema,
    response: auditListSchema,
    status: 200,
    example: auditExamples.list,
  }),
  export: defineEndpoint({
    method: "GET",
    path: "/api/v1/audit-log/export",
    permission: "audit:read",
    tag: "audit",
    summary:
      "The audit log as JSON lines, oldest first; without a filter with its seals, so that it can be verified elsewhere",
    query: auditExportQuerySchema,
    response: null,
    responseType: "application/x-ndjson",
    status: 200,
    example: auditExamples.export,
  }),
  verify: defineEndpoint({
    method: "GET",
    path: "/api/v1/audit-log/verification",
    permission: "audit:read",
    tag: "audit",
    summary: "Computes the chain of seals over the audit log anew and tells every place where it is broken",
    query: auditVerifyQuerySchema,
    response: auditVerificationSchema,
    status: 200,
    example: auditExamples.verify,
  }),
} as const;
