import { z } from "zod";
import { repositoryExamples } from "../examples/repository-examples.ts";
import { pageQuerySchema } from "../pagination.ts";
import {
  repositoryCreateSchema,
  repositoryListSchema,
  repositorySchema,
  repositoryUpdateSchema,
} from "../resources/repository.ts";
import { idSchema } from "../scalars.ts";
import { defineEndpoint } from "./endpoint.ts";

const params = z.object({ repositoryId: idSchema });
const tag = "repositories";

export const repositoryEndpoints = {
  create: defineEndpoint({
    method: "POST",
    path: "/api/v1/repositories",
    permission: "repositories:write",
    tag,
    summary: "Register a repository; another spelling of a known one returns that one",
    body: repositoryCreateSchema,
    response: repositorySchema,
    status: 201,
    isIdempotent: true,
    example: repositoryExamples.create,
  }),
  list: defineEndpoint({
    method: "GET",
    path: "/api/v1/repositories",
    permission: "repositories:read",
    tag,
    summary: "List repositories",
    query: pageQuerySchema.extend({ search: z.string().max(200).optional() }),
    response: repositoryListSchema,
    status: 200,
    example: repositoryExamples.list,
  }),
  get: defineEndpoint({
    method: "GET",
    path: "/api/v1/repositories/:repositoryId",
    permission: "repositories:read",
    tag,
    summary: "Read a repository",
    params,
    response: repositorySchema,
    status: 200,
    example: repositoryExamples.get,
  }),
  update: defineEndpoint({
    method: "PATCH",
    path: "/api/v1/repositories/:repositoryId",
    permission: "repositories:write",
    tag,
    summary: "Change name, default branch or settings",
    params,
    body: repositoryUpdateSchema,
    response: repositorySchema,
    status: 200,
    example: repositoryExamples.update,
  }),
  delete: defineEndpoint({
    method: "DELETE",
    path: "/api/v1/repositories/:repositoryId",
    permission: "credentials:manage",
    tag,
    summary: "Forget a repository that no task refers to",
    params,
    response: null,
    status: 204,
    example: repositoryExamples.delete,
  }),
} as const;
