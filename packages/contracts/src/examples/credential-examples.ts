import { at, ids } from "./sample-resources.ts";

const credentialId = "0192f0c1-7a10-7c11-8a01-000000000031";
const credential = {
  id: credentialId,
  kind: "token",
  repositoryId: null,
  host: "git.example.org",
  username: "x-access-token",
  knownHosts: null,
  createdAt: at(1),
  updatedAt: at(1),
  lastUsedAt: at(9),
};
const secret = { name: "TEST_DATABASE_URL", createdAt: at(1), updatedAt: at(1), lastUsedAt: null };
const state = {
  newestKeyId: "5f1c7be0a2d94c11",
  masterKeys: [{ id: "5f1c7be0a2d94c11", sealed: 4, isKnown: true }],
};

export const credentialExamples = {
  create: {
    body: { kind: "token", host: "git.example.org", value: "example-token-of-a-bot" },
    response: credential,
  },
  list: { query: {}, response: { items: [credential] } },
  update: { params: { credentialId }, body: { value: "example-token-renewed" }, response: credential },
  delete: { params: { credentialId } },
  forAttempt: {
    params: { workOrderId: ids.workOrder },
    response: {
      credential: { kind: "token", username: "x-access-token", password: "example-token-of-a-bot" },
      testSecrets: [{ name: "TEST_DATABASE_URL", value: "postgresql://test@db/shop" }],
    },
  },
};

export const secretExamples = {
  list: { params: { repositoryId: ids.repository }, response: { items: [secret] } },
  set: {
    params: { repositoryId: ids.repository, name: "TEST_DATABASE_URL" },
    body: { value: "postgresql://test@db/shop" },
    response: secret,
  },
  remove: { params: { repositoryId: ids.repository, name: "TEST_DATABASE_URL" } },
  state: { response: state },
  rotate: { body: { makesKey: true }, response: { ...state, resealed: 4, failed: 0 } },
};
