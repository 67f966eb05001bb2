import type {
  AttemptDocumentMatch,
  ContextDocument,
  ContextDocumentCreate,
  DocumentMatch,
  DocumentPage,
} from "@agentvine/contracts";
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

async function anotherRepository(): Promise<string> {
  const id = newId();
  await fixture.sql(
    `insert into repositories select * from jsonb_populate_record(null::repositories,
      (select to_jsonb(r) || jsonb_build_object('id', $1::text, 'canonical_key', $1::text) from repositories r limit 1))`,
    [id],
  );
  return id;
}

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
  const other = await anotherRepository();
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

/** A running attempt, and what it asks with its own token, or with another's. */
async function running(title: string) {
  const worker = await fixture.registerWorker();
  const task = await fixture.createTask({ title, priority: "critical" });
  const claim = await fixture.mustClaim(worker);
  const ref = { workOrderId: claim.workOrder.id, attempt: claim.attempt };
  const post = <T>(path: string, body: object, token = claim.attemptToken) =>
    fixture.app.request<T>("POST", `/api/v1/context/${path}`, { token, body: { ...ref, ...body } });
  return {
    task,
    claim,
    match: (body: object) => post<{ items: AttemptDocumentMatch[] }>("for-attempt", body),
    page: (documentId: string, body: object = {}, token?: string) =>
      post<DocumentPage>("for-attempt/document", { documentId, ...body }, token),
  };
}

test("only the attempt that holds the lease is told what fits its task", async () => {
  await create({ title: "Sextant", content: "Calibrate the sextant at noon." });
  const { claim, match } = await running("Fix the sextant");
  const ask = () => match({ text: "when to calibrate" });
  expect((await ask()).body.items[0]).toMatchObject({
    ...{ title: "Sextant", excerpt: expect.stringMatching(/noon/), characters: 30, content: null },
  });
  await fixture.fail(claim);
  expect((await ask()).status).toBe(409);
});

test("documents that fit a task come whole, best first, as long as there is room for them", async () => {
  const long = `Theodolite. ${"Level it. ".repeat(100)}`;
  await create({ title: "Theodolite theodolite", content: "The theodolite stands on three legs." });
  await create({ title: "All about the theodolite", content: long, tags: ["bugfix"] });
  const { claim, match } = await running("Oil the theodolite");
  const whole = async (wholeCharactersMax: number) => {
    const { items } = (await match({ wholeCharactersMax })).body;
    return Object.fromEntries(items.map(({ title, content }) => [title, content]));
  };
  expect(await whole(36)).toEqual({
    "Theodolite theodolite": "The theodolite stands on three legs.",
    "All about the theodolite": null,
  });
  expect((await whole(35))["Theodolite theodolite"]).toBeNull();
  expect((await whole(long.length + 35))["Theodolite theodolite"]).toBeNull();
  expect(await whole(long.length + 36)).toEqual({
    "Theodolite theodolite": "The theodolite stands on three legs.",
    "All about the theodolite": long,
  });
  await fixture.fail(claim);
});

test("an attempt reads a document to its end, page by page, and no character is cut", async () => {
  const content = "🦊0123456789".repeat(10);
  const { id } = await create({ title: "Foxes", content });
  const { claim, page } = await running("Count foxes");
  let text = "";
  const offsets: number[] = [];
  for (let offset: number | null = 0; offset !== null; ) {
    const { body }: { body: DocumentPage } = await page(id, { offset, charactersMax: 25 });
    expect(body).toMatchObject({ documentId: id, version: 1, title: "Foxes", characters: 110, offset });
    offsets.push(offset);
    text += body.content;
    offset = body.nextOffset;
  }
  expect(text).toBe(content);
  expect(offsets).toEqual([0, 25, 50, 75, 100]);
  expect((await page(id, { offset: 110 })).body).toMatchObject({ content: "", nextOffset: null });
  await fixture.fail(claim);
});

test("an attempt finds no document that is not active or of another repository, and nobody reads in its name", async () => {
  const [own, other] = [await running("Read one"), await running("Read another")];
  const foreignId = await anotherRepository();
  const seen = await create({ repositoryId: own.task.repositoryId });
  const hidden = await Promise.all([
    create({ repositoryId: foreignId }),
    create({ status: "archived" }),
    create({ status: "proposed" }),
  ]);
  expect((await own.page(seen.id)).body.content).toBe("Some text.");
  for (const { id } of [...hidden, { id: newId() }]) expect((await own.page(id)).status).toBe(404);
  expect((await own.page(seen.id, {}, other.claim.attemptToken)).status).toBe(409);
  await Promise.all([own, other].map(({ claim }) => fixture.fail(claim)));
  expect((await own.page(seen.id)).status).toBe(409);
});
