import { ids, pageOfOne, repository } from "./sample-resources.ts";

const params = { repositoryId: ids.repository };

export const repositoryExamples = {
  create: {
    body: { url: repository.url, defaultBranch: "main", settings: { testCommand: "npm test" } },
    response: repository,
  },
  list: { query: { search: "shop" }, response: pageOfOne(repository) },
  get: { params, response: repository },
  update: { params, body: { settings: { setupCommand: "npm ci" } }, response: repository },
  delete: { params },
};
