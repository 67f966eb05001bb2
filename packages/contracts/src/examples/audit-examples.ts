import { at, digest, ids } from "./sample-resources.ts";

const entry = {
  id: ids.event,
  position: 41,
  occurredAt: at(3),
  action: "api_key.revoked",
  actorKind: "user",
  actorId: ids.user,
  userId: ids.user,
  actorName: null,
  address: "192.0.2.7",
  userAgent: "agentvine-cli/0.1.0",
  requestId: "0192f0c1-7a10-7c11-8a01-0000000000aa",
  targetType: "api_key",
  targetId: ids.apiKey,
  before: { revokedAt: null },
  after: { revokedAt: at(3) },
  detail: { name: "ci" },
};

export const auditExamples = {
  list: { query: { action: "api_key.revoked", limit: "20" }, response: { items: [entry], next: null } },
  export: { query: { from: at(0) }, response: `${JSON.stringify({ type: "entry", ...entry })}\n` },
  verify: {
    query: { sealNumber: "7", sealDigest: digest },
    response: {
      ...{ isIntact: true, entries: 41, removed: 0, unsealed: 0, seals: 7 },
      last: { number: 7, digest },
      faults: [],
    },
  },
};
