import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildWorkFixture, type WorkFixture } from "../testing/work-fixture.ts";

let work: WorkFixture;
beforeAll(async () => {
  work = await buildWorkFixture();
});
afterAll(() => work.close());

const scrape = async (token: string | null = work.app.token) =>
  await work.app.request<string>("GET", "/metrics", { token });

/** The value of a series; undefined when there is none. */
function seriesValue(text: string, series: string): number | undefined {
  const line = text.split("\n").find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

describe("GET /metrics", () => {
  it("tells depth and age of the lanes, tasks and workers by status", async () => {
    await work.registerWorker();
    await work.createTask({ priority: "high" });
    await work.createTask();
    await work.createTask();
    await work.sql(
      "update work_orders set enqueued_at = now() - interval '90 seconds' where queue_name = 'default'",
    );
    const { status, headers, body } = await scrape();
    expect(status).toBe(200);
    expect(headers.get("content-type")).toContain("text/plain; version=0.0.4");
    expect(seriesValue(body, 'agentvine_queue_pending{lane="high_priority"}')).toBe(1);
    expect(seriesValue(body, 'agentvine_queue_pending{lane="default"}')).toBe(2);
    expect(seriesValue(body, 'agentvine_queue_pending{lane="low_priority"}')).toBe(0);
    expect(seriesValue(body, 'agentvine_queue_oldest_seconds{lane="default"}')).toBeGreaterThanOrEqual(90);
    expect(seriesValue(body, 'agentvine_tasks{status="queued"}')).toBe(3);
    expect(seriesValue(body, 'agentvine_workers{status="idle"}')).toBe(1);
    expect(seriesValue(body, "agentvine_database_up")).toBe(1);
    expect(seriesValue(body, "agentvine_process_resident_memory_bytes")).toBeGreaterThan(1_000_000);
  });

  it("forgets statuses that nothing is in any more", async () => {
    await work.sql("update tasks set status = 'cancelled'");
    const { body } = await scrape();
    expect(seriesValue(body, 'agentvine_tasks{status="queued"}')).toBeUndefined();
    expect(seriesValue(body, 'agentvine_tasks{status="cancelled"}')).toBe(3);
  });

  it("counts requests by pattern, not by address: ids and made-up paths make no series", async () => {
    for (const id of ["a", "b", "c"]) await work.app.request("GET", `/api/v1/executions/${id}`);
    for (const path of ["/wp-admin", "/.env"]) await work.app.request("GET", path);
    const { body } = await scrape();
    const series =
      'agentvine_http_requests_total{method="GET",route="/api/v1/executions/:executionId",status="400"}';
    expect(seriesValue(body, series)).toBe(3);
    expect(
      seriesValue(body, 'agentvine_http_requests_total{method="GET",route="unknown",status="404"}'),
    ).toBe(2);
    expect(body).not.toContain("wp-admin");
    expect(body).toContain(
      'agentvine_http_request_seconds_bucket{le="0.5",method="GET",route="/metrics",status="200"}',
    );
  });

  it("gives scrapes at the same moment the same figures", async () => {
    const bodies = await Promise.all(Array.from({ length: 5 }, () => scrape()));
    for (const { body } of bodies) expect(seriesValue(body, 'agentvine_tasks{status="cancelled"}')).toBe(3);
  });

  it("401 without a token, 403 for what may not read the system", async () => {
    expect((await scrape(null)).status).toBe(401);
    const worker = await work.registerWorker();
    await work.createTask();
    const claim = await work.mustClaim(worker);
    expect((await scrape(claim.attemptToken)).status).toBe(403);
  });

  it("is readable without the database, and says that it is gone", async () => {
    const lonely = await buildWorkFixture();
    await lonely.app.database.pool.end();
    const { status, body } = await lonely.app.request<string>("GET", "/metrics");
    expect(status).toBe(200);
    expect(seriesValue(body, "agentvine_database_up")).toBe(0);
    expect(seriesValue(body, 'agentvine_queue_pending{lane="default"}')).toBeUndefined();
    await lonely.app.server.close();
    await lonely.close().catch(() => {
      // Its pool was ended before.
    });
  });
});
