import { z } from "zod";
import { userExamples } from "../examples/account-examples.ts";
import {
  accountLinkSchema,
  inviteSchema,
  mePatchSchema,
  meSchema,
  userLinkCreateSchema,
  userListQuerySchema,
  userPageSchema,
  userPatchSchema,
  userSchema,
} from "../resources/account.ts";
import { idSchema } from "../scalars.ts";
import { defineEndpoint } from "./endpoint.ts";

const params = z.object({ userId: idSchema });

export const userEndpoints = {
  getMe: defineEndpoint({
    method: "GET",
    path: "/api/v1/users/me",
    permission: "account:own",
    tag: "users",
    summary: "Your account and its settings",
    response: meSchema,
    status: 200,
    example: userExamples.getMe,
  }),
  patchMe: defineEndpoint({
    method: "PATCH",
    path: "/api/v1/users/me",
    permission: "account:own",
    tag: "users",
    summary:
      "Change your name, settings, or e-mail address (which wants a recent password and is verified anew)",
    body: mePatchSchema,
    response: meSchema,
    status: 200,
    example: userExamples.patchMe,
  }),
  list: defineEndpoint({
    method: "GET",
    path: "/api/v1/users",
    permission: "users:admin",
    tag: "users",
    summary: "The users, by name",
    query: userListQuerySchema,
    response: userPageSchema,
    status: 200,
    example: userExamples.list,
  }),
  invite: defineEndpoint({
    method: "POST",
    path: "/api/v1/users/invitations",
    permission: "users:admin",
    tag: "users",
    summary: "Invite somebody by e-mail address; the link works once, for seven days",
    body: inviteSchema,
    response: accountLinkSchema,
    status: 201,
    example: userExamples.invite,
  }),
  get: defineEndpoint({
    method: "GET",
    path: "/api/v1/users/:userId",
    permission: "users:admin",
    tag: "users",
    summary: "A user",
    params,
    response: userSchema,
    status: 200,
    example: userExamples.get,
  }),
  patch: defineEndpoint({
    method: "PATCH",
    path: "/api/v1/users/:userId",
    permission: "users:admin",
    tag: "users",
    summary: "Set a user's role, disable or enable the account; felt within a second",
    params,
    body: userPatchSchema,
    response: userSchema,
    status: 200,
    example: userExamples.patch,
  }),
  createLink: defineEndpoint({
    method: "POST",
    path: "/api/v1/users/:userId/links",
    permission: "users:admin",
    tag: "users",
    summary:
      "A link for a user that sets a new password or verifies the e-mail address, to hand over where no e-mail is sent",
    params,
    body: userLinkCreateSchema,
    response: accountLinkSchema,
    status: 201,
    example: userExamples.createLink,
  }),
} as const;
