import type { Claim, Event, Execution } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { buildWorkFixture, evidence, type TestWorker, type WorkFixture } from "../../testing/work-fixture.ts";
import { createExecutionService } from "./execution.service.ts";

interface ExecutionList {
  items: Execution[];
  total: number;
}

let work: WorkFixture;
let worker: TestWorker;
let claim: Claim;
beforeAll(async () => {
  work = await buildWorkFixture();
  worker = await work.registerWorker({ slots: 200 });
});
afterAll(() => work.close());
beforeEach(async () => {
  await work.sql("delete from tasks");
  await work.createTask();
  claim = await work.mustClaim(worker);
});

const get = <T>(path: string, token?: string | null) =>
  work.app.request<T>("GET", path, token === undefined ? {} : { token });
const codeOf = ({ body }: { body: unknown }) => (body as { error?: { code: string } }).error?.code;

describe("GET /api/v1/executions", () => {
  it("200 lists them, newest first, by page and by filter", async () => {
    await work.fail(claim);
    await work.createTask({ title: "Another" });
    const second = await work.mustClaim(worker);
    const all = await get<ExecutionList>("/api/v1/executions");
    expect(all.body).toMatchObject({ total: 2, page: 1, pages: 1 });
    expect(all.body.items.map(({ id }) => id)).toEqual([second.executionId, claim.executionId]);
    const ids = async (query: string) =>
      (await get<ExecutionList>(`/api/v1/executions?${query}`)).body.items.map(({ id }) => id);
    expect(await ids("pageSize=1&page=2")).toEqual([claim.executionId]);
    expect(await ids(`taskId=${claim.task.id}`)).toEqual([claim.executionId]);
    expect(await ids("status=running")).toEqual([second.executionId]);
    expect(await ids("status=running,failed")).toHaveLength(2);
    expect(await ids(`workerId=${newId()}`)).toEqual([]);
    expect(await ids("kind=publish")).toEqual([]);
  });

  it("400 for a bad filter, 401 without a token", async () => {
    expect((await get("/api/v1/executions?status=sleeping")).status).toBe(400);
    expect((await get("/api/v1/executions?taskId=1")).status).toBe(400);
    expect((await get("/api/v1/executions", null)).status).toBe(401);
  });
});

describe("GET /api/v1/executions/:executionId", () => {
  it("200 tells how the attempt stands", async () => {
    const { status, body } = await get<Execution>(`/api/v1/executions/${claim.executionId}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      id: claim.executionId,
      taskId: claim.task.id,
      attempt: 1,
      status: "running",
      sandbox: "none",
      isScripted: true,
      completedAt: null,
      stdoutLog: "",
    });
  });

  it("404 for one that never was", async () => {
    const reply = await get(`/api/v1/executions/${newId()}`);
    expect([reply.status, codeOf(reply)]).toEqual([404, "execution.not_found"]);
  });
});

describe("an attempt's token", () => {
  it("reads its own task's executions, and no other task's", async () => {
    await work.createTask({ title: "Secret" });
    const other = await work.mustClaim(worker);
    const mine = claim.attemptToken;
    expect((await get(`/api/v1/executions/${claim.executionId}`, mine)).status).toBe(200);
    for (const path of ["", "/logs", "/artifacts"]) {
      const reply = await get(`/api/v1/executions/${other.executionId}${path}`, mine);
      expect([reply.status, codeOf(reply)]).toEqual([404, "execution.not_found"]);
    }
    const ids = async (query: string) =>
      (await get<ExecutionList>(`/api/v1/executions${query}`, mine)).body.items.map(({ id }) => id);
    expect(await ids("")).toEqual([claim.executionId]);
    expect(await ids(`?taskId=${other.task.id}`)).toEqual([]);
  });

  it("reads nothing any more once the lease is lost", async () => {
    await work.post(claim, "release", { reason: "drain" });
    for (const path of ["", `/${claim.executionId}`, `/${claim.executionId}/logs`]) {
      const reply = await get(`/api/v1/executions${path}`, claim.attemptToken);
      expect([reply.status, codeOf(reply)]).toEqual([409, "work_order.lease_lost"]);
    }
    // The same order again: the new attempt reads what the old one left.
    const next = await work.mustClaim(worker);
    expect((await get(`/api/v1/executions/${claim.executionId}`, next.attemptToken)).status).toBe(200);
  });
});

describe("POST /api/v1/executions/:executionId/progress", () => {
  const report = (body: unknown, token: string | null = claim.attemptToken, id = claim.executionId) =>
    work.app.request("POST", `/api/v1/executions/${id}/progress`, { token, body });

  it("204 makes an event of each report, and keeps the phase", async () => {
    const reports = [
      { kind: "phase", phase: "checkout", detail: "a\u0000b" },
      { kind: "plan", steps: ["read", "write"] },
      { kind: "tool", name: "read_file", summary: "a.txt \ud800", isError: false },
      { kind: "gate", evidence },
      { kind: "model", detail: "overloaded, waiting" },
      { kind: "phase", phase: "run" },
    ];
    for (const body of reports) expect((await report(body)).status).toBe(204);
    const { body } = await get<Execution>(`/api/v1/executions/${claim.executionId}`);
    expect(body.phase).toBe("run");
    const events = await waitUntil(async () => {
      const { items } = (await get<{ items: Event[] }>(`/api/v1/events?executionId=${claim.executionId}`))
        .body;
      const told = items.filter(({ type }) => type === "execution.progressed");
      return told.length === reports.length ? told : undefined;
    });
    expect(events.map(({ data }) => data.kind)).toEqual(reports.map(({ kind }) => kind));
    expect(events[0]).toMatchObject({
      taskId: claim.task.id,
      workOrderId: claim.workOrder.id,
      workerId: worker.id,
      attempt: 1,
      correlationId: claim.correlationId,
      data: { kind: "phase", phase: "checkout", detail: "ab" },
    });
    expect(events[2]?.data.summary).toBe("a.txt \ufffd");
  });

  it("400 for a report that is none, 401, 403, 404 for an unknown execution", async () => {
    expect((await report({ kind: "phase", phase: "dreaming" })).status).toBe(400);
    expect((await report({ kind: "phase", phase: "run" }, null)).status).toBe(401);
    expect((await report({ kind: "phase", phase: "run" }, work.app.token)).status).toBe(403);
    expect((await report({ kind: "phase", phase: "run" }, claim.attemptToken, newId())).status).toBe(404);
  });

  it("409 when the lease is lost: the phase stays as it was", async () => {
    await report({ kind: "phase", phase: "run" });
    await work.fail(claim);
    const late = await report({ kind: "phase", phase: "verify" });
    expect([late.status, codeOf(late)]).toEqual([409, "work_order.lease_lost"]);
    expect((await get<Execution>(`/api/v1/executions/${claim.executionId}`)).body.phase).toBe("run");
  });

  it("of progress and completion at the same moment, none is written after the end", async () => {
    const results = await Promise.all([
      work.fail(claim),
      ...Array.from({ length: 8 }, () => report({ kind: "phase", phase: "run" })),
    ]);
    expect(results[0].status).toBe(200);
    expect(results.slice(1).every(({ status }) => status === 204 || status === 409)).toBe(true);
    const types = await work.history(claim.task.id);
    const taken = results.slice(1).filter(({ status }) => status === 204);
    expect(types.filter((type) => type === "execution.progressed")).toHaveLength(taken.length);
    expect((await get<Execution>(`/api/v1/executions/${claim.executionId}`)).body.status).toBe("failed");
  });
});

describe("retention of logs", () => {
  it("forgets the lines of executions that ended long ago, and no others", async () => {
    const { db } = work.app.database;
    const executions = createExecutionService({ db, clock: { now: () => new Date(), monotonicMs: () => 0 } });
    const append = (by: Claim) =>
      work.app.request("POST", `/api/v1/executions/${by.executionId}/logs`, {
        token: by.attemptToken,
        body: {
          offset: 0,
          text: `${JSON.stringify({ at: new Date().toISOString(), level: "info", source: "agent", message: "x" })}\n`,
        },
      });
    await append(claim);
    await work.fail(claim);
    await work.sql("update executions set completed_at = now() - interval '91 days'");
    await work.createTask();
    await append(await work.mustClaim(worker));
    expect(await executions.forgetLogs(90)).toBe(1);
    expect(await executions.forgetLogs(90)).toBe(0);
    expect(await work.sql("select execution_id from execution_logs")).toHaveLength(1);
    expect((await get<Execution>(`/api/v1/executions/${claim.executionId}`)).body.stdoutLog).toBe("x\n");
  });
});
