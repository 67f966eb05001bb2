import { inboxExamples } from "../examples/inbox-examples.ts";
import { inboxQuerySchema, inboxSchema } from "../resources/inbox.ts";
import { defineEndpoint } from "./endpoint.ts";

export const inboxEndpoints = {
  list: defineEndpoint({
    method: "GET",
    path: "/api/v1/inbox",
    permission: "requests:read",
    tag: "inbox",
    summary: "Everything that waits for a person, over all tasks, with counts",
    description:
      "Requests that are routed to people, plans, results to review and tasks that agents proposed. Page on with `after`: what is answered " +
      "meanwhile is left out, and nothing comes twice.",
    query: inboxQuerySchema,
    response: inboxSchema,
    status: 200,
    example: inboxExamples.list,
  }),
} as const;
