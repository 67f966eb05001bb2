import { type Controller, endpoints, type Worker } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeOf } from "../../testing/account-fixture.ts";
import { buildTestApp, type TestApp } from "../../testing/build-test-app.ts";

// A name belongs to the key that registered it, as long as that key is worth anything.

let app: TestApp;
beforeAll(async () => {
  app = await buildTestApp();
});
afterAll(() => app.close());

const keysPath = endpoints.system.createApiKey.path;
interface NewKey {
  apiKey: { id: string };
  secret: string;
}

describe.each(["worker", "controller"] as const)("the name of a %s", (kind) => {
  const group = kind === "worker" ? endpoints.workers : endpoints.controllers;
  const newKey = async (): Promise<NewKey> => {
    const body = { name: "a machine", permissions: [`${kind}:register`, `${kind}:work`] };
    return (await app.request<NewKey>("POST", keysPath, { body })).body;
  };
  const register = async (token: string, name: string) => {
    const body = { ...group.register.example.body, name, instanceId: newId() };
    const answer = await app.request<Partial<Record<"worker" | "controller", Worker | Controller>>>(
      ...["POST", group.register.path, { token, body }],
    );
    return { status: answer.status, code: codeOf(answer.body), id: answer.body[kind]?.id, ...body };
  };
  const heartbeat = async (
    token: string,
    { id, instanceId }: { id?: string | undefined; instanceId: string },
  ) =>
    (
      await app.request("POST", `${group.register.path}/${id}/heartbeat`, {
        ...{ token, body: { ...group.heartbeat.example.body, instanceId } },
      })
    ).status;
  const named = () => `n${newId().slice(-12)}`;

  test("is not taken over by another key while the one that registered it is valid", async () => {
    const [mine, other, name] = [await newKey(), await newKey(), named()];
    const own = await register(mine.secret, name);
    expect(own.status).toBe(201);
    const taken = await register(other.secret, name);
    expect([taken.status, taken.code]).toEqual([409, `${kind}.name_taken`]);
    expect(await heartbeat(mine.secret, own)).toBe(200);
  });

  test("passes to another process with the same key, and to a key that took its place", async () => {
    const [mine, name] = [await newKey(), named()];
    const own = await register(mine.secret, name);
    expect(await register(mine.secret, name)).toMatchObject({ status: 201, id: own.id });
    const rotated = await app.request<NewKey>("POST", `${keysPath}/${mine.apiKey.id}/rotate`, {
      body: { overlapSeconds: 0 },
    });
    expect(await register(rotated.body.secret, name)).toMatchObject({ status: 201, id: own.id });
    // The first key is over, but its successor is not.
    const other = await register((await newKey()).secret, name);
    expect(other.code).toBe(`${kind}.name_taken`);
  });

  test.each([
    ["was revoked", "revoked_at = now()"],
    ["has expired", "expires_at = now()"],
  ])("is free for another key once the one that registered it %s", async (_how, change) => {
    const [mine, other, name] = [await newKey(), await newKey(), named()];
    const own = await register(mine.secret, name);
    await app.database.pool.query(`update api_keys set ${change} where id = $1`, [mine.apiKey.id]);
    expect(await register(other.secret, name)).toMatchObject({ status: 201, id: own.id });
  });

  test("is free for whoever administers workers, and then for any key", async () => {
    const name = named();
    const own = await register((await newKey()).secret, name);
    expect(await register(app.token, name)).toMatchObject({ status: 201, id: own.id });
    expect(await register((await newKey()).secret, name)).toMatchObject({ status: 201, id: own.id });
  });
});

test("the name of a worker that was deregistered is free for another key", async () => {
  const body = { name: "a machine", permissions: ["worker:register", "worker:work"] };
  const keys = [0, 1].map(() => app.request<NewKey>("POST", keysPath, { body }));
  const [mine, other] = (await Promise.all(keys)).map((key) => key.body.secret);
  const worker = { ...endpoints.workers.register.example.body, name: "leaver", instanceId: newId() };
  const { path } = endpoints.workers.register;
  const registered = await app.request<{ worker: Worker }>("POST", path, {
    ...{ token: mine ?? "", body: worker },
  });
  await app.request("DELETE", `${path}/${registered.body.worker.id}`, { token: mine ?? "" });
  const again = await app.request("POST", path, {
    token: other ?? "",
    body: { ...worker, instanceId: newId() },
  });
  expect(again.status).toBe(201);
});
