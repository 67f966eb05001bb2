import { newId } from "@agentvine/kit";
import type { WorkFixture } from "./work-fixture.ts";

export interface SecretRequestDeps {
  fixture: () => WorkFixture;
  running: () => Promise<{ ref: { workOrderId: string }; token: string }>;
  pendingTask: () => Promise<{ repositoryId: string }>;
}

const aHost = () => `h${newId()}.example.org`;

/** Valid requests for the endpoints of credentials and stored secrets. */
export function secretRequests({ fixture, running, pendingTask }: SecretRequestDeps) {
  const newCredential = async (): Promise<string> => {
    const body = { kind: "token", host: aHost(), value: "a-token-of-a-bot" };
    return (await fixture().app.request<{ id: string }>("POST", "/api/v1/credentials", { body })).body.id;
  };
  const newSecret = async (): Promise<{ repositoryId: string; name: string }> => {
    const { repositoryId } = await pendingTask();
    // A repository may have only so many.
    await fixture().sql("delete from repository_secrets");
    const name = "TEST_TOKEN";
    const path = `/api/v1/repositories/${repositoryId}/secrets/${name}`;
    await fixture().app.request("PUT", path, { body: { value: "some value" } });
    return { repositoryId, name };
  };
  const credentials = {
    create: async () => ({
      body: { kind: "token", host: aHost(), username: "u", value: "a-token-of-a-bot" },
    }),
    list: async () => ({ query: { repositoryId: newId() } }),
    update: async () => ({
      params: { credentialId: await newCredential() },
      body: { username: "v", value: "another-token" },
    }),
    delete: async () => ({ params: { credentialId: await newCredential() } }),
    forAttempt: async () => {
      const { ref, token } = await running();
      return { token, params: { workOrderId: ref.workOrderId } };
    },
  };
  const secrets = {
    list: async () => ({ params: { repositoryId: (await pendingTask()).repositoryId } }),
    set: async () => ({ params: await newSecret(), body: { value: "another value" } }),
    remove: async () => ({ params: await newSecret() }),
    state: async () => ({}),
    rotate: async () => ({ body: { makesKey: false } }),
  };
  return { credentials, secrets };
}
