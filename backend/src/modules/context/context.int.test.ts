import type { ContextDocument, ContextDocumentCreate, DocumentMatch } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildWorkFixture, type WorkFixture } from "../../testing/work-fixture.ts";
import { findCited } from "./context.service.ts";

let fixture: WorkFixture;
beforeAll(async () => {
  fixture = await buildWorkFixture();
});
afterAll(() => fixture.close());

const base = "/api/v1/context/documents";

async function create(change: Partial<ContextDocumentCreate> = {}): Promise<ContextDocument> {
  const body = { title: "Guide", type: "guide", content: "Some text.", ...change };
  const made = await fixture.app.request<ContextDocument>("POST", base, { body });
  expect(made.status).toBe(201);
  return made.body;
}

const update = (id: string, body: object) =>
  fixture.app.request<ContextDocument>("PATCH", `${base}/${id}`, { body });

const titlesFor = async (query: string): Promise<string[]> => {
  const { body } = await fixture.app.request<{ items: { title: string }[] }>("GET", `${base}?${query}`);
  return body.items.map(({ title }) => title);
};

test("of two changes made from the same version one is refused, and both versions stay readable with their difference", async () => {
  const { id } = await create({ content: "one\ntwo\n" });
  const answers = await Promise.all([
    update(id, { version: 1, content: "one\n2\n" }),
    update(id, { version: 1, content: "one\nzwei\n" }),
  ]);
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
  const old = await fixture.app.request<ContextDocument>("GET", `${base}/${id}?version=1`);
  expect(old.body.content).toBe("one\ntwo\n");
  const { body } = await fixture.app.request<{ diff: string }>("GET", `${base}/${id}/diff?from=1&to=2`);
  expect(body.diff).toMatch(/\n one\n-two\n\+(2|zwei)\n/);
});

test("a search finds documents by the beginnings of words in title, text and tags, and shows where", async () => {
  await create({ title: "Kestrel", content: "Falcons hover over meadows.", tags: ["birdwatching"] });
  for (const search of ["kest", "hover mead", "birdw"]) {
    expect(await titlesFor(`search=${encodeURIComponent(search)}`), search).toEqual(["Kestrel"]);
  }
  expect(await titlesFor("search=hover%20nowhere")).toEqual([]);
  const { body } = await fixture.app.request<{ items: { excerpt: string }[] }>(
    "GET",
    `${base}?search=falcons&tag=birdwatching&type=guide`,
  );
  expect(body.items[0]?.excerpt).toBe("Falcons hover over meadows");
});

test("archived documents are neither listed nor matched unless asked for, but a citation of them still counts", async () => {
  const task = await fixture.createTask({ title: "Weld the gyroscope", enqueue: false });
  const { id } = await create({ title: "Gyroscope", content: "Weld twice." });
  const match = async () =>
    (await fixture.app.request<{ items: DocumentMatch[] }>("GET", `/api/v1/context/match?taskId=${task.id}`))
      .body.items;
  expect((await match()).map(({ documentId }) => documentId)).toEqual([id]);
  await update(id, { version: 1, status: "archived" });
  expect(await match()).toEqual([]);
  expect(await titlesFor("search=gyroscope")).toEqual([]);
  expect(await titlesFor("search=gyroscope&status=archived")).toEqual(["Gyroscope"]);
  const cited = (version: number, repositoryId = task.repositoryId) =>
    fixture.app.database.db.transaction((tx) => findCited(tx, repositoryId, { id, version }));
  expect(await cited(1)).toMatchObject({ title: "Gyroscope", text: "Weld twice." });
  expect(await cited(9)).toBeUndefined();
});

test("what a controller proposed and nobody accepted can't be cited", async () => {
  const task = await fixture.createTask({ title: "Solder it", enqueue: false });
  const { id } = await create({ title: "Solder", content: "Solder once." });
  const cited = () =>
    fixture.app.database.db.transaction((tx) => findCited(tx, task.repositoryId, { id, version: 1 }));
  expect(await cited()).toMatchObject({ title: "Solder" });
  await fixture.sql("update context_documents set status = 'proposed' where id = $1", [id]);
  expect(await cited()).toBeUndefined();
});

test("documents of another repository are never matched nor citable; the task's own come before those for all", async () => {
  const task = await fixture.createTask({ title: "Polish the astrolabe", enqueue: false });
  const other = newId();
  await fixture.sql(
    `insert into repositories select * from jsonb_populate_record(null::repositories,
      (select to_jsonb(r) || jsonb_build_object('id', $1::text, 'canonical_key', $1::text) from repositories r limit 1))`,
    [other],
  );
  const content = "How to polish an astrolabe.";
  const foreign = await create({ title: "Foreign", content, repositoryId: other });
  await create({ title: "For all", content });
  await create({ title: "Own", content, repositoryId: task.repositoryId });
  const { body } = await fixture.app.request<{ items: DocumentMatch[] }>(
    "GET",
    `/api/v1/context/match?taskId=${task.id}&text=astrolabe`,
  );
  expect(body.items.map(({ title }) => title)).toEqual(["Own", "For all"]);
  const title = await fixture.app.database.db.transaction((tx) =>
    findCited(tx, task.repositoryId, { id: foreign.id, version: 1 }),
  );
  expect(title).toBeUndefined();
});

test("only the attempt that holds the lease is told what fits its task", async () => {
  const worker = await fixture.registerWorker();
  await create({ title: "Sextant", content: "Calibrate the sextant at noon." });
  await fixture.createTask({ title: "Fix the sextant" });
  const claim = await fixture.mustClaim(worker);
  const ask = () =>
    fixture.app.request<{ items: DocumentMatch[] }>("POST", "/api/v1/context/for-attempt", {
      token: claim.attemptToken,
      body: { workOrderId: claim.workOrder.id, attempt: claim.attempt, text: "when to calibrate" },
    });
  expect((await ask()).body.items[0]).toMatchObject({
    title: "Sextant",
    excerpt: expect.stringMatching(/noon/),
  });
  await fixture.fail(claim);
  expect((await ask()).status).toBe(409);
});
