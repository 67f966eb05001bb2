import { type Task, type TaskQuery, taskQuerySchema } from "@agentvine/contracts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { countUpTo } from "../../database/bounded-count.ts";
import { tasks } from "../../database/schema/index.ts";
import { buildWorkFixture, type WorkFixture } from "../../testing/work-fixture.ts";
import { pageOfTasks } from "./task.repository.ts";
import { searchTasks } from "./task-search.repository.ts";

interface TaskPage {
  items: Task[];
  total: number;
  isTotalExact: boolean;
  pages: number;
}

let work: WorkFixture;
beforeAll(async () => {
  work = await buildWorkFixture();
});
afterAll(() => work.close());

const list = async (query: string) =>
  (await work.app.request<TaskPage>("GET", `/api/v1/tasks?${query}`)).body;

describe("a search", () => {
  const found = async (text: string) =>
    (await list(`search=${encodeURIComponent(text)}`)).items.map(({ title }) => title).sort();

  it("finds the tasks that have all the words, by their beginnings, in title or description, whatever the case", async () => {
    await work.createTask({ title: "Rounding of the cart", description: "See src/payment/round-cents.ts." });
    await work.createTask({ title: "Cart: Größe prüfen", description: "it's v4.2.1" });
    expect(await found("CART")).toEqual(["Cart: Größe prüfen", "Rounding of the cart"]);
    expect(await found("cart cents")).toEqual(["Rounding of the cart"]);
    expect(await found("src/pay")).toEqual(["Rounding of the cart"]);
    expect(await found("größ")).toEqual(["Cart: Größe prüfen"]);
    expect(await found("v4.2")).toEqual(["Cart: Größe prüfen"]);
    expect(await found("ounding")).toEqual([]);
    expect(await found("cart missing")).toEqual([]);
    expect(await found("  ")).toHaveLength(2);
    expect(await found("'):* | \\ !")).toEqual([]);
  });

  it("goes by the words as they are now", async () => {
    const task = await work.createTask({ title: "Before" });
    await work.app.request("PATCH", `/api/v1/tasks/${task.id}`, { body: { title: "After" } });
    expect(await found("before")).toEqual([]);
    await work.app.request("PATCH", `/api/v1/tasks/${task.id}`, { body: { description: "and more" } });
    expect(await found("after more")).toEqual(["After"]);
    await work.app.request("POST", `/api/v1/tasks/${task.id}/cancel`, { body: {} });
    await work.app.request("DELETE", `/api/v1/tasks/${task.id}`);
    expect(await found("after")).toEqual([]);
  });
});

describe("with thousands of tasks", () => {
  beforeAll(async () => {
    const task = await work.createTask({ title: "one of many" });
    await work.sql(
      `with made as (
         insert into tasks (id, title, description, task_type, permission_level, priority, status, repository_id, repository_url,
           timeout_seconds, created_by, created_at, updated_at)
         select gen_random_uuid(), 'copy ' || n, repeat(md5(n::text) || ' ', 30) || case when n % 1000 = 0 then 'rare' else '' end,
           (array['docs', 'bugfix', 'feature'])[1 + n % 3], permission_level, (array['low', 'normal', 'high'])[1 + n % 3],
           (array['completed', 'failed', 'cancelled', 'in_review'])[1 + n % 4], repository_id, repository_url, 60, created_by,
           now() - n * interval '1 minute', now() - n * interval '1 minute'
         from tasks, generate_series(1, 6000) n where id = $1 returning id, title, description)
       insert into task_words (task_id, words) select id, to_tsvector('simple', title || ' ' || description) from made`,
      [task.id],
    );
    await work.sql("vacuum (analyze)");
  });

  interface Plan {
    "Node Type": string;
    "Index Name"?: string;
    "Relation Name"?: string;
    Plans?: Plan[];
  }
  const stepsOf = (plan: Plan | undefined): Plan[] =>
    plan === undefined ? [] : [plan, ...(plan.Plans ?? []).flatMap(stepsOf)];

  /** How PostgreSQL goes about a page: each of its steps. */
  async function planOf(query: Partial<TaskQuery>): Promise<Plan[]> {
    const { db, pool } = work.app.database;
    const search = await searchTasks(db, query.search);
    const statement = pageOfTasks(db, taskQuerySchema.parse(query), search).toSQL();
    const { rows } = await pool.query<{ "QUERY PLAN": { Plan: Plan }[] }>(
      `explain (format json) ${statement.sql}`,
      statement.params,
    );
    return stepsOf(rows[0]?.["QUERY PLAN"][0]?.Plan);
  }

  it.each<[string, Partial<TaskQuery>, string]>([
    ["the newest", {}, "tasks_created_at_idx"],
    ["the oldest", { order: "asc" }, "tasks_created_at_idx"],
    ["the last changed", { sort: "updatedAt" }, "tasks_updated_at_idx"],
    ["the most urgent", { sort: "priority" }, "tasks_priority_idx"],
    ["by title", { sort: "title", order: "asc" }, "tasks_title_idx"],
    ["by status", { sort: "status" }, "tasks_status_idx"],
    ["those of a status", { status: ["failed"] }, "tasks_status_idx"],
    ["far behind", { page: 100 }, "tasks_created_at_idx"],
    ["those with a word that most have", { search: "copy" }, "task_words_pkey"],
  ])(
    "a page, %s, is walked to in the order of an index: nothing is read whole or sorted",
    async (_, query, index) => {
      const found = stepsOf((await planOf(query)).find((step) => step["Node Type"] === "Limit"));
      expect(found.map((step) => step["Index Name"])).toContain(index);
      expect(found.map((step) => step["Node Type"]).filter((type) => /Seq Scan|Sort/.test(type))).toEqual([]);
    },
  );

  it("reads just the tasks of a page, and just those with a word that few have", async () => {
    for (const query of [{}, { page: 100 }, { search: "rare" }]) {
      const whole = (await planOf(query)).filter((step) => step["Node Type"] === "Seq Scan");
      expect(
        whole.map((step) => step["Relation Name"]).filter((name) => name !== "task_dependencies"),
      ).toEqual([]);
    }
  });

  it("counts so far as counting is cheap, and says when there may be more", async () => {
    expect(await list("")).toMatchObject({ total: 6_003, isTotalExact: true, pages: 301 });
    expect(await list("search=copy")).toMatchObject({ total: 2_000, isTotalExact: false, pages: 100 });
    expect(await list("search=rare")).toMatchObject({ total: 6, isTotalExact: true });
    expect(await list("search=copy&status=failed")).toMatchObject({ total: 1_000, isTotalExact: false });
    expect(await list("search=rare&status=completed&type=docs")).toMatchObject({
      total: 2,
      isTotalExact: true,
    });
    expect((await list("search=copy&page=200")).items).toHaveLength(20);
    const { db } = work.app.database;
    expect(await countUpTo(db, tasks, undefined, 6_003)).toEqual({ total: 6_003, isTotalExact: true });
    expect(await countUpTo(db, tasks, undefined, 6_002)).toEqual({ total: 6_002, isTotalExact: false });
  });

  it.each(["createdAt", "updatedAt", "priority", "status", "title"])(
    "pages sorted by %s hold every task once",
    async (sort) => {
      const seen = new Set<string>();
      for (let page = 1; page <= 5; page += 1) {
        const { items } = await list(`type=docs&status=failed&sort=${sort}&pageSize=100&page=${page}`);
        for (const { id } of items) seen.add(id);
      }
      expect(seen.size).toBe(500);
    },
  );
});
