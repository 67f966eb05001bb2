import { at, ids, pageOfOne } from "./sample-resources.ts";

const documentId = "0192f0c1-7a10-7c11-8a01-000000000031";
const params = { documentId };
const common = {
  id: documentId,
  title: "How we name things",
  type: "guide",
  tags: ["naming"],
  repositoryId: ids.repository,
  status: "active",
  version: 1,
  author: ids.user,
  createdAt: at(1),
  updatedAt: at(1),
};
const content = "# Names\n\nFunctions are verbs.";
const document = { ...common, content };
const match = {
  documentId,
  version: 1,
  title: common.title,
  type: "guide",
  tags: ["naming"],
  repositoryId: ids.repository,
  excerpt: "Functions are verbs.",
  rank: 0.8,
};

export const contextExamples = {
  create: {
    body: { title: common.title, type: "guide", content, tags: ["naming"], repositoryId: ids.repository },
    response: document,
  },
  list: {
    query: { search: "verbs", type: "guide" },
    response: pageOfOne({ ...common, excerpt: "Functions are verbs." }),
  },
  get: { params, query: { version: "1" }, response: document },
  update: {
    params,
    body: { version: 1, content: `${content}\n` },
    response: { ...document, content: `${content}\n`, version: 2 },
  },
  versions: {
    params,
    response: {
      items: [
        {
          documentId,
          version: 1,
          title: common.title,
          status: "active",
          tags: ["naming"],
          author: ids.user,
          createdAt: at(1),
        },
      ],
    },
  },
  diff: {
    params,
    query: { from: "1", to: "2" },
    response: { documentId, from: 1, to: 2, diff: "@@ -1 +1 @@\n-a\n+b\n" },
  },
  tags: { response: { items: [{ tag: "naming", documents: 1 }] } },
  match: { query: { taskId: ids.task, text: "names" }, response: { items: [match] } },
  forAttempt: {
    body: { workOrderId: ids.workOrder, attempt: 1, text: "names", wholeCharactersMax: 8_000 },
    response: { items: [{ ...match, characters: content.length, content }] },
  },
  documentForAttempt: {
    body: { workOrderId: ids.workOrder, attempt: 1, documentId, offset: 0 },
    response: {
      ...{ documentId, version: 1, title: common.title, type: "guide" },
      ...{ offset: 0, content, characters: content.length, nextOffset: null },
    },
  },
};
