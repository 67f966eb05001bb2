import type { RequestLease, WorkerRequest } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import type { RequestAction, RequestWorld } from "./request-history.ts";
import type { WorkFixture } from "./work-fixture.ts";

type ByController = (world: RequestWorld, pick: number) => Promise<unknown>;

/** What a controller does to requests, and what becomes of them without it. */
export function controllerActions(
  work: WorkFixture,
  handOver: () => Promise<unknown>,
): Partial<Record<RequestAction, ByController>> {
  const { request: send } = work.app;
  let made: Promise<{ token: string; controllerId: string; instanceId: string }> | undefined;
  const make = async () => {
    const grant = { name: "controllers", permissions: ["controller:register", "controller:work"] };
    const { body: key } = await send<{ secret: string }>("POST", "/api/v1/api-keys", { body: grant });
    const instanceId = newId();
    const body = { name: `controller-${instanceId}`, instanceId, version: "1", model: "scripted/demo" };
    const token = key.secret;
    const reply = await send<{ controller: { id: string } }>("POST", "/api/v1/controllers", { body, token });
    return { token, instanceId, controllerId: reply.body.controller.id };
  };
  const controller = () => (made ??= make());

  async function say(world: RequestWorld, pick: number, verb: string, said: Record<string, unknown>) {
    const lease = world.leases.at(-1 - (pick % 2));
    if (lease === undefined) return;
    const { token } = await controller();
    const body = { ...lease.ref, ...said };
    const path = `/api/v1/worker-requests/${lease.id}/${verb}`;
    const { status, body: got } = await send<WorkerRequest>("POST", path, { body, token });
    if (status >= 500) throw new Error(`${verb}: ${status} ${JSON.stringify(got)}`);
    if (status === 200 && got.answer?.source === "controller") {
      const { generation } = lease.ref;
      const decision = got.answer.decision === null ? {} : { decision: got.answer.decision };
      world.won.push({ id: lease.id, source: "controller", body: { generation, ...decision, ...said } });
    }
  }

  async function answer(world: RequestWorld, pick: number, confidence: number) {
    const precedents = await work.sql<{ id: string }>("select id from precedents where revoked_at is null");
    const citations = precedents.slice(0, 1).map(({ id }) => ({ kind: "precedent", id, version: null }));
    const isCall = world.seen.find(({ id }) => id === world.leases.at(-1 - (pick % 2))?.id)?.approval;
    const choice = isCall ? (pick % 3 === 0 ? "deny" : "allow") : null;
    const text = isCall ? "" : `model ${newId()}`;
    await say(world, pick, "automated-answer", { choice, text, confidence, citations });
  }

  return {
    model_claims: async (world) => {
      const { token, controllerId, instanceId } = await controller();
      const { status, body } = await send<RequestLease>("POST", "/api/v1/worker-requests/claim", {
        body: { controllerId, instanceId, waitSeconds: 0 },
        token,
      });
      if (status !== 200) return;
      const { request, leaseToken } = body;
      const ref = { controllerId, leaseToken, generation: request.generation };
      world.leases.push({ id: request.id, ref });
    },
    model_answers: (world, pick) => answer(world, pick, 0.95),
    model_is_unsure: (world, pick) => answer(world, pick, 0.2),
    model_hands_over: (world, pick) => say(world, pick, "hand-over", { reason: "can't tell" }),
    model_renews: (world, pick) => say(world, pick, "renew", {}),
    model_vanishes: async ({ taskId }) => {
      await work.sql(
        `update worker_requests set lease_expires_at = now() - interval '1 second'
         where task_id = $1 and lease_expires_at is not null`,
        [taskId],
      );
      await handOver();
    },
    no_model: async ({ taskId }) => {
      await work.sql(
        "update worker_requests set routed_at = now() - interval '1 minute' where task_id = $1 and status = 'automated'",
        [taskId],
      );
      await handOver();
    },
  };
}
