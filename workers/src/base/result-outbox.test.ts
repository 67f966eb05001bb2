import { chmod, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Finished } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { useTempDir, waitUntil } from "@agentvine/testkit";
import { describe, expect, it } from "vitest";
import type { AttemptResult } from "../execution/executor-channel.ts";
import { ResultOutbox } from "./result-outbox.ts";
import { FakeClock } from "./testing/fake-clock.ts";
import { apiError, silentLogger } from "./testing/fakes.ts";
import type { ResultApi } from "./worker-api.ts";

const finished = (workOrderId: string): Finished => ({
  workOrderId,
  attempt: 1,
  status: "completed",
  taskStatus: "completed",
  availableInMs: null,
});

const metrics = {
  usage: null,
  steps: 0,
  toolCalls: 0,
  modelRetries: 0,
  gateRounds: 0,
  phasesMs: {},
  waitingMs: 0,
  logBytes: 0,
  logDroppedBytes: 0,
};
const published: AttemptResult = {
  kind: "complete",
  result: { outcome: "published", branch: "agentvine/1/a1", commit: "a".repeat(40), metrics },
};
const entryOf = (result: AttemptResult) => ({
  workOrderId: newId(),
  attempt: 1,
  executionId: newId(),
  attemptToken: "avt_secret",
  result,
});

describe("ResultOutbox", () => {
  const dir = useTempDir();

  /** An outbox over a list of failures; when they are used up, the backend takes everything. */
  const anOutbox = (failures: Error[] = []) => {
    const clock = new FakeClock();
    const sent: { how: keyof ResultApi; token: string; body: { workOrderId: string } }[] = [];
    const take = (how: keyof ResultApi) => async (token: string, body: { workOrderId: string }) => {
      expect(await readdir(join(dir(), "outbox"))).toHaveLength(1);
      sent.push({ how, token, body });
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      return finished(body.workOrderId);
    };
    const api = {
      complete: take("complete"),
      fail: take("fail"),
      release: take("release"),
      park: take("park"),
    };
    const outbox = new ResultOutbox({
      dir: join(dir(), "outbox"),
      api,
      logger: silentLogger,
      clock,
      sleep: clock.sleep,
    });
    return { outbox, sent, clock };
  };
  const files = () => readdir(join(dir(), "outbox"));
  const never = new AbortController().signal;

  it("has the result on disk, for the owner's eyes only, before the first try, and forgets it once taken", async () => {
    const { outbox, sent } = anOutbox();
    const entry = await outbox.keep(entryOf(published));
    const [name = ""] = await files();
    expect((await stat(join(dir(), "outbox", name))).mode & 0o777).toBe(0o600);
    expect(await outbox.deliver(entry, never)).toBe("taken");
    expect(sent.map(({ how, token }) => [how, token])).toEqual([["complete", "avt_secret"]]);
    expect(await files()).toEqual([]);
  });

  it("hands in every kind of end at its own door", async () => {
    const { outbox, sent } = anOutbox();
    const ends: AttemptResult[] = [
      { kind: "release", reason: "drain" },
      { kind: "park", checkpointId: newId(), reason: "asked" },
    ];
    for (const result of ends) await outbox.deliver(await outbox.keep(entryOf(result)), never);
    expect(sent.map(({ how }) => how)).toEqual(["release", "park"]);
  });

  it("tries again while the backend is away, waits as told, and gives up trying after ten minutes without losing it", async () => {
    const { outbox, sent, clock } = anOutbox(
      Array.from({ length: 500 }, () => apiError("server.unreachable")),
    );
    const entry = await outbox.keep(entryOf(published));
    let delivery: string | undefined;
    void outbox.deliver(entry, never).then((end) => (delivery = end));
    await waitUntil(async () => {
      await clock.advance(10_000);
      return delivery;
    });
    expect(delivery).toBe("kept");
    expect(sent.length).toBeGreaterThan(10);
    expect(await files()).toHaveLength(1);
  });

  it("resends after a restart what an earlier process could not deliver", async () => {
    await anOutbox().outbox.keep(entryOf(published));
    const next = anOutbox([apiError("server.unreachable")]);
    const [entry] = await next.outbox.pending();
    if (entry === undefined) throw new Error("nothing pending");
    const delivery = next.outbox.deliver(entry, never);
    await waitUntil(() => next.clock.sleeping === 1);
    await next.clock.advance(2_000);
    expect(await delivery).toBe("taken");
    expect(await next.outbox.pending()).toEqual([]);
  });

  it.each([
    "work_order.lease_lost",
    "work_order.already_finished",
    "auth.invalid",
    "work_order.not_found",
  ] as const)("drops the result when the backend says %s", async (code) => {
    const { outbox, sent } = anOutbox([apiError(code)]);
    expect(await outbox.deliver(await outbox.keep(entryOf(published)), never)).toBe("dropped");
    expect(sent).toHaveLength(1);
    expect(await files()).toEqual([]);
  });

  it("hands the attempt in as failed when the backend finds the result invalid", async () => {
    const { outbox, sent } = anOutbox([apiError("request.invalid")]);
    expect(await outbox.deliver(await outbox.keep(entryOf(published)), never)).toBe("taken");
    expect(sent.map(({ how }) => how)).toEqual(["complete", "fail"]);
    expect(sent[1]?.body).toMatchObject({ result: { failure: "infrastructure", isRetryable: false } });
  });

  it("drops a failure that is refused as well, and ends", async () => {
    const { outbox } = anOutbox([apiError("request.invalid"), apiError("request.invalid")]);
    expect(await outbox.deliver(await outbox.keep(entryOf(published)), never)).toBe("dropped");
  });

  it("keeps the result when the worker stops in the middle of trying", async () => {
    const { outbox, clock } = anOutbox([apiError("server.unreachable"), apiError("server.unreachable")]);
    const stop = new AbortController();
    const delivery = outbox.deliver(await outbox.keep(entryOf(published)), stop.signal);
    await waitUntil(() => clock.sleeping === 1);
    stop.abort(new Error("stop"));
    expect(await delivery).toBe("kept");
    expect(await outbox.pending()).toHaveLength(1);
  });

  it("leaves a file alone that it can't read", async () => {
    const { outbox } = anOutbox();
    await outbox.keep(entryOf(published));
    await writeFile(join(dir(), "outbox", "broken.json"), "{");
    expect(await outbox.pending()).toHaveLength(1);
    expect(await files()).toHaveLength(2);
  });

  it("says so when the disk does not take the result", async () => {
    const { outbox } = anOutbox();
    await writeFile(join(dir(), "outbox"), "a file in the way");
    await chmod(join(dir(), "outbox"), 0o400);
    await expect(outbox.keep(entryOf(published))).rejects.toThrow();
  });
});
