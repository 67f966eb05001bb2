import type { Client } from "@agentvine/client";
import { endpoints, type Task } from "@agentvine/contracts";
import type { Sample } from "./samples.ts";

/** Shares what the team knows about the sample's repository, then queues the sample's task. */
const queueSample = async (client: Client, sample: Sample, repositoryUrl: string): Promise<Task> => {
  const { id: repositoryId } = await client.call(endpoints.repositories.create, {
    body: { url: repositoryUrl },
  });
  for (const document of sample.documents) {
    await client.call(endpoints.context.create, { body: { ...document, repositoryId } });
  }
  const { title, description, type, context } = sample;
  return await client.call(endpoints.tasks.create, {
    body: { title, description, type, repositoryId, permissionLevel: "autonomous", context },
  });
};

/** The samples' tasks, in their order. */
export const queueTasks = (
  client: Client,
  samples: readonly Sample[],
  paths: readonly string[],
): Promise<Task[]> =>
  Promise.all(samples.map((sample, index) => queueSample(client, sample, paths[index] ?? "")));
