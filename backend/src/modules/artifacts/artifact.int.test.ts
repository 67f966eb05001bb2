import { createHash } from "node:crypto";
import { readdir, utimes, writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import type { Artifact, Checkpoint, Claim } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createFileBlobStore } from "../../blobs/file-blob-store.ts";
import { buildWorkFixture, commitA, type TestWorker, type WorkFixture } from "../../testing/work-fixture.ts";
import { type ArtifactService, createArtifactService } from "./artifact.service.ts";

let work: WorkFixture;
let worker: TestWorker;
let claim: Claim;
let artifacts: ArtifactService;
let blobs: ReturnType<typeof createFileBlobStore>;
beforeAll(async () => {
  work = await buildWorkFixture();
  worker = await work.registerWorker({ slots: 200 });
  blobs = createFileBlobStore(join(work.app.home, "blobs"));
  artifacts = createArtifactService({ db: work.app.database.db, blobs });
});
afterAll(() => work.close());
beforeEach(async () => {
  await work.sql("delete from tasks");
  await work.createTask();
  claim = await work.mustClaim(worker);
});

const sha256 = (bytes: string | Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const codeOf = ({ body }: { body: unknown }) => (body as { error?: { code: string } }).error?.code;

interface UploadOptions {
  name?: string;
  kind?: string;
  digest?: string;
  token?: string | null;
  executionId?: string;
  headers?: Record<string, string>;
}

const uploadPath = (
  bytes: string,
  { name = "a.txt", kind = "other", digest, executionId }: UploadOptions = {},
) =>
  `/api/v1/executions/${executionId ?? claim.executionId}/artifacts?${new URLSearchParams({
    kind,
    name,
    digest: digest ?? sha256(bytes),
  })}`;

async function upload(bytes: string, options: UploadOptions = {}) {
  const { token = claim.attemptToken, headers = {} } = options;
  const response = await fetch(work.app.url + uploadPath(bytes, options), {
    method: "PUT",
    headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...headers },
    body: Buffer.from(bytes),
  });
  return { status: response.status, body: (await response.json()) as Artifact };
}

const download = async (artifactId: string, token = work.app.token) => {
  const response = await fetch(`${work.app.url}/api/v1/artifacts/${artifactId}/content`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
};

const list = async (executionId = claim.executionId) =>
  (await work.app.request<{ items: Artifact[] }>("GET", `/api/v1/executions/${executionId}/artifacts`)).body
    .items;

const files = async () => {
  const names = await readdir(join(work.app.home, "blobs"), { recursive: true }).catch(() => []);
  return names.filter((name) => /[0-9a-f]{64}$|drafts./.test(name));
};

describe("PUT /api/v1/executions/:executionId/artifacts", () => {
  it("201 keeps the bytes, which can be listed and downloaded unchanged", async () => {
    const bytes = `\u0000 zwölf ${newId()}`;
    const { status, body } = await upload(bytes, { name: "report.json", kind: "evidence" });
    expect([status, body]).toMatchObject([
      201,
      {
        executionId: claim.executionId,
        taskId: claim.task.id,
        kind: "evidence",
        name: "report.json",
        contentType: "application/octet-stream",
        sizeBytes: Buffer.byteLength(bytes),
        digest: sha256(bytes),
      },
    ]);
    expect(await list()).toEqual([body]);
    const got = await download(body.id);
    expect([got.status, got.text]).toEqual([200, bytes]);
    expect(Object.fromEntries(got.headers)).toMatchObject({
      "content-type": "application/octet-stream",
      "content-disposition": 'attachment; filename="report.json"',
      "x-content-type-options": "nosniff",
      "content-length": String(Buffer.byteLength(bytes)),
    });
  });

  it("takes any content type, an empty file, and a body without a length", async () => {
    expect((await upload("", { name: "empty" })).body).toMatchObject({ sizeBytes: 0 });
    expect(
      (await upload("{}", { name: "a.json", headers: { "content-type": "application/json" } })).status,
    ).toBe(201);
    const response = await fetch(work.app.url + uploadPath("streamed", { name: "streamed" }), {
      method: "PUT",
      headers: { authorization: `Bearer ${claim.attemptToken}` },
      body: new Blob(["stream", "ed"]).stream(),
      duplex: "half",
    } as RequestInit);
    expect([response.status, await response.json()]).toMatchObject([201, { sizeBytes: 8 }]);
  });

  it("replaces what has the same name, under the same id", async () => {
    const first = await upload("old");
    const second = await upload("new");
    expect(second.body).toMatchObject({ id: first.body.id, digest: sha256("new") });
    expect(await list()).toHaveLength(1);
    expect((await download(first.body.id)).text).toBe("new");
  });

  it("keeps the same bytes once, however many artifacts hold them and however often they come at once", async () => {
    const bytes = newId();
    const replies = await Promise.all(["a", "b", "c", "a"].map((name) => upload(bytes, { name })));
    expect(replies.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    expect(await list()).toHaveLength(3);
    expect((await files()).filter((file) => file.endsWith(sha256(bytes)))).toHaveLength(1);
    expect(await work.sql("select from blobs where digest = $1", [sha256(bytes)])).toHaveLength(1);
  });

  it("400 when the bytes are not what the digest says: nothing is kept", async () => {
    const before = await files();
    const reply = await upload("sent", { digest: sha256("promised") });
    expect([reply.status, codeOf(reply)]).toEqual([400, "artifact.digest_mismatch"]);
    expect(await list()).toEqual([]);
    expect(await files()).toEqual(before);
  });

  it("400 for a name that is a path, and for a bad digest or kind", async () => {
    for (const options of [
      { name: "../a" },
      { name: "a/b" },
      { name: ".." },
      { digest: "x" },
      { kind: "loot" },
    ]) {
      expect((await upload("x", options)).status).toBe(400);
    }
  });

  it("409 for a lost lease, before the bytes are taken and after; nothing can be read of them", async () => {
    await work.fail(claim);
    const before = await files();
    const late = await upload(newId());
    expect([late.status, codeOf(late)]).toEqual([409, "work_order.lease_lost"]);
    expect(await files()).toEqual(before);
    await work.createTask();
    const held = await work.mustClaim(worker);
    const bytes = newId();
    const slow = beginUpload(bytes, held);
    await waitUntil(async () => (await files()).some((file) => file.startsWith("drafts")));
    await work.fail(held);
    slow.end(bytes.slice(5));
    expect(await slow.status).toBe(409);
    expect(await list(held.executionId)).toEqual([]);
    // The bytes have arrived and are nobody's: the sweep takes them.
    expect(await artifacts.sweep(0)).toBeGreaterThan(0);
    await expect(blobs.has(sha256(bytes))).resolves.toBe(false);
  });

  it("409 for another attempt's execution, 404 for an unknown one, 401 and 403 for others than attempts", async () => {
    await work.createTask();
    const other = await work.mustClaim(worker);
    expect((await upload("x", { token: other.attemptToken })).status).toBe(409);
    expect((await upload("x", { executionId: newId() })).status).toBe(404);
    expect((await upload("x", { token: null })).status).toBe(401);
    expect((await upload("x", { token: work.app.token })).status).toBe(403);
    expect((await upload("x", { token: work.app.workerKey })).status).toBe(403);
  });

  it("413 for more than 1 GiB, as soon as it is announced", async () => {
    const sending = httpRequest(work.app.url + uploadPath("x"), {
      method: "PUT",
      headers: { authorization: `Bearer ${claim.attemptToken}`, "content-length": String(1_073_741_825) },
    });
    const status = new Promise((resolve) =>
      sending.once("response", (response) => resolve(response.statusCode)),
    );
    sending.on("error", () => {});
    sending.flushHeaders();
    expect(await status).toBe(413);
    sending.destroy();
    expect(await list()).toEqual([]);
  });

  it("leaves nothing behind when the worker vanishes in the middle", async () => {
    const bytes = newId();
    const sending = beginUpload(bytes, claim);
    await waitUntil(async () => (await files()).some((file) => file.startsWith("drafts")));
    sending.destroy();
    await waitUntil(async () => !(await files()).some((file) => file.startsWith("drafts")));
    expect(await list()).toEqual([]);
    await expect(blobs.has(sha256(bytes))).resolves.toBe(false);
    expect((await upload(bytes)).status).toBe(201);
  });

  /** Sends the first bytes and waits with the others. */
  function beginUpload(bytes: string, by: Claim) {
    const sending = httpRequest(work.app.url + uploadPath(bytes, { executionId: by.executionId }), {
      method: "PUT",
      headers: { authorization: `Bearer ${by.attemptToken}`, "content-length": String(bytes.length) },
    });
    const status = new Promise<number | undefined>((resolve) => {
      sending.once("response", (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      sending.once("error", () => resolve(undefined));
    });
    sending.write(bytes.slice(0, 5));
    return { status, end: (rest: string) => sending.end(rest), destroy: () => sending.destroy() };
  }
});

describe("GET /api/v1/artifacts/:artifactId/content", () => {
  it("lets an attempt read what earlier attempts of its task left, and nothing of another task", async () => {
    const mine = await upload("checkpoint");
    await work.post(claim, "release", { reason: "drain" });
    const next = await work.mustClaim(worker);
    expect((await download(mine.body.id, next.attemptToken)).text).toBe("checkpoint");
    expect((await download(mine.body.id, claim.attemptToken)).status).toBe(409);
    await work.createTask();
    const other = await work.mustClaim(worker);
    const reply = await download(mine.body.id, other.attemptToken);
    expect([reply.status, reply.text]).toEqual([404, expect.stringContaining("artifact.not_found")]);
  });

  it("404 for one that never was, and when its bytes are gone", async () => {
    expect((await download(newId())).status).toBe(404);
    const { body } = await upload(newId());
    await blobs.delete(body.digest);
    expect((await download(body.id)).status).toBe(404);
    await expect(artifacts.readText(newId(), 10)).rejects.toMatchObject({ code: "artifact.not_found" });
  });

  it("reads the start of a text, without half a character", async () => {
    const { body } = await upload("zwölf");
    await expect(artifacts.readText(body.id, 3)).resolves.toEqual({ text: "zw", isTruncated: true });
    await expect(artifacts.readText(body.id, 100)).resolves.toEqual({ text: "zwölf", isTruncated: false });
  });
});

describe("GET /api/v1/executions/:executionId/artifacts", () => {
  it("404 for an unknown execution, 401 without a token", async () => {
    const path = `/api/v1/executions/${newId()}/artifacts`;
    expect((await work.app.request("GET", path)).status).toBe(404);
    expect((await work.app.request("GET", path, { token: null })).status).toBe(401);
  });
});

describe("POST /api/v1/executions/:executionId/checkpoints", () => {
  const record = (body: Record<string, unknown>, token: string | null = claim.attemptToken, of = claim) =>
    work.app.request<Checkpoint>("POST", `/api/v1/executions/${of.executionId}/checkpoints`, {
      token,
      body: { step: 3, driver: "builtin", baseCommit: commitA, snapshotArtifactId: null, ...body },
    });

  it("201 is what the next attempt gets with its lease", async () => {
    const transcript = await upload("{}", { name: "transcript-1.json", kind: "transcript" });
    const snapshot = await upload("bundle", { name: "snapshot-1.bundle", kind: "snapshot" });
    const { status, body } = await record({
      transcriptArtifactId: transcript.body.id,
      snapshotArtifactId: snapshot.body.id,
      data: { rounds: 1, note: "\ud800" },
    });
    expect([status, body]).toMatchObject([
      201,
      { taskId: claim.task.id, attempt: 1, step: 3, data: { note: "\ufffd" } },
    ]);
    await work.post(claim, "release", { reason: "drain" });
    const next = await work.mustClaim(worker);
    expect(next.checkpoint).toEqual(body);
  });

  it("404 when it names another execution's files, also an earlier attempt's", async () => {
    const mine = await upload("{}");
    const { body: unknown } = await record({ transcriptArtifactId: newId() });
    expect(unknown).toMatchObject({ error: { code: "artifact.not_found" } });
    await work.post(claim, "release", { reason: "drain" });
    const next = await work.mustClaim(worker);
    expect((await record({ transcriptArtifactId: mine.body.id }, next.attemptToken, next)).status).toBe(404);
    expect(await work.sql("select from checkpoints")).toHaveLength(0);
  });

  it("409 for a lost lease, 400 for a bad body, 401 and 403 for others", async () => {
    const mine = await upload("{}");
    const good = { transcriptArtifactId: mine.body.id };
    expect((await record({ ...good, baseCommit: "main" })).status).toBe(400);
    expect((await record({ ...good, data: { big: "x".repeat(70_000) } })).status).toBe(400);
    expect((await record(good, null)).status).toBe(401);
    expect((await record(good, work.app.token)).status).toBe(403);
    await work.fail(claim);
    expect((await record(good)).status).toBe(409);
  });
});

describe("the sweep", () => {
  it("takes the bytes of a deleted task, and none that another one still holds", async () => {
    const shared = newId();
    const alone = newId();
    await upload(shared, { name: "shared" });
    await upload(alone, { name: "alone" });
    await work.fail(claim);
    await work.createTask();
    const other = await work.mustClaim(worker);
    await upload(shared, { token: other.attemptToken, executionId: other.executionId });
    expect((await work.app.request("DELETE", `/api/v1/tasks/${claim.task.id}`)).status).toBe(204);
    await artifacts.sweep(0);
    await expect(blobs.has(sha256(alone))).resolves.toBe(false);
    await expect(blobs.has(sha256(shared))).resolves.toBe(true);
    expect(await work.sql("select from blobs where digest = $1", [sha256(alone)])).toHaveLength(0);
  });

  it("takes replaced bytes, and leaves what is young alone", async () => {
    const old = newId();
    await upload(old);
    await upload(newId());
    expect(await artifacts.sweep(3_600)).toBe(0);
    await expect(blobs.has(sha256(old))).resolves.toBe(true);
    await work.sql("update blobs set created_at = now() - interval '2 hours'");
    expect(await artifacts.sweep(3_600)).toBeGreaterThan(0);
    await expect(blobs.has(sha256(old))).resolves.toBe(false);
    expect((await download((await list())[0]?.id ?? "")).status).toBe(200);
  });

  it("spares bytes that are being uploaded again, however long they were unused", async () => {
    const bytes = newId();
    await upload(bytes, { name: "first" });
    await upload(newId(), { name: "first" });
    await work.sql("update blobs set created_at = now() - interval '2 hours'");
    const results = await Promise.all([
      artifacts.sweep(3_600),
      upload(bytes, { name: "again" }),
      artifacts.sweep(3_600),
      artifacts.sweep(3_600),
    ]);
    expect(results[1].status).toBe(201);
    expect((await download(results[1].body.id)).text).toBe(bytes);
  });

  it("takes drafts that a crash left behind, and none that are being written", async () => {
    const draft = join(work.app.home, "blobs", "drafts", newId());
    const young = join(work.app.home, "blobs", "drafts", newId());
    await Promise.all([writeFile(draft, "half"), writeFile(young, "half")]);
    const longAgo = Date.now() / 1_000 - 7_200;
    await utimes(draft, longAgo, longAgo);
    await artifacts.sweep(3_600);
    const left = await files();
    expect(left.some((file) => draft.endsWith(file))).toBe(false);
    expect(left.some((file) => young.endsWith(file))).toBe(true);
    await artifacts.sweep(0);
  });
});
