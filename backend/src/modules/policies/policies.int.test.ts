import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type {
  ErrorResponse,
  Event,
  Policy,
  PolicyDetail,
  PolicyDiff,
  PolicySimulation,
} from "@agentvine/contracts";
import { presets } from "@agentvine/policy";
import { useTempDir, waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildTestApp, type TestApp } from "../../testing/build-test-app.ts";
import { requestFixture } from "../../testing/request-fixture.ts";
import { buildWorkFixture, type WorkFixture } from "../../testing/work-fixture.ts";

const path = "/api/v1/policies";
const codeOf = (body: unknown) => (body as ErrorResponse).error.code;
const yamlOf = (rule: string) => `rules:\n  - { id: ${rule} }\n`;
const allowTests = yamlOf('tests, effect: allow, commands: ["npm test"]');

const activeOf = async (app: TestApp) => (await app.request<PolicyDetail>("GET", `${path}/active`)).body;
const apply = async (app: TestApp, yaml: string, basedOnVersion?: number) =>
  await app.request<PolicyDetail>("POST", path, {
    body: { yaml, comment: "as told", basedOnVersion: basedOnVersion ?? (await activeOf(app)).version },
  });

describe("versions", () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await buildTestApp({ config: { policy: "default" } });
  });
  afterAll(() => app.close());

  test("a new installation begins with the preset it names, and begins once", async () => {
    expect(await activeOf(app)).toMatchObject({
      version: 1,
      isActive: true,
      author: null,
      basedOnVersion: null,
      yaml: presets.default.yaml,
      ruleCount: presets.default.rules.rules.length,
    });
    await using again = await buildTestApp({ beside: app, config: { policy: "no-sandbox" } });
    expect((await activeOf(again)).version).toBe(1);
  });

  test("a change is a new version with author, comment, difference and event; a rollback is one too", async () => {
    const first = await activeOf(app);
    const created = await apply(app, allowTests);
    expect(created.status).toBe(201);
    const second = first.version + 1;
    expect(created.body).toMatchObject({
      version: second,
      isActive: true,
      author: { username: "local" },
      comment: "as told",
      basedOnVersion: first.version,
      restoresVersion: null,
    });
    const { body: diff } = await app.request<PolicyDiff>("GET", `${path}/${second}/diff`);
    expect(diff).toMatchObject({ version: second, against: first.version });
    expect(diff.patch).toContain("+  - { id: tests");
    expect(diff.patch).toContain("-  - id: default.read");
    const back = await app.request<PolicyDetail>("POST", `${path}/${first.version}/activate`, {
      body: { comment: "too much", basedOnVersion: second },
    });
    expect(back.body).toMatchObject({
      version: second + 1,
      restoresVersion: first.version,
      basedOnVersion: second,
      yaml: first.yaml,
    });
    const list = await app.request<{ items: Policy[]; total: number }>("GET", `${path}?pageSize=2`);
    expect(list.body.items.map(({ version, isActive }) => [version, isActive])).toEqual([
      [second + 1, true],
      [second, false],
    ]);
    const events = await waitUntil(async () => {
      const { body } = await app.request<{ items: Event[] }>("GET", "/api/v1/events");
      const changes = body.items.filter(({ type }) => type === "policy.changed");
      return changes.length >= 3 ? changes : undefined;
    });
    expect(events.map(({ data }) => data.version)).toEqual([first.version, second, second + 1]);
  });

  test("of editors who began with the same version one is heard, and the others are told which is active", async () => {
    const { version } = await activeOf(app);
    const answers = await Promise.all(
      ["a", "b", "c", "d"].map((id) => apply(app, yamlOf(`${id}, effect: human`), version)),
    );
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([201, 409, 409, 409]);
    for (const { status, body } of answers) {
      if (status !== 409) continue;
      expect(codeOf(body)).toBe("policy.changed");
      expect((body as unknown as ErrorResponse).error.data).toEqual({ activeVersion: version + 1 });
    }
    const { rows } = await app.database.pool.query("select 1 from policies where is_active");
    expect(rows).toHaveLength(1);
  });

  test("what can't be used is refused with line and column, and nothing changes", async () => {
    const before = await activeOf(app);
    const refused = await apply(app, 'rules:\n  - id: a\n    effect: allow\n    when: task.typo == "x"\n');
    expect([refused.status, codeOf(refused.body)]).toEqual([400, "policy.invalid"]);
    expect((refused.body as unknown as ErrorResponse).error).toMatchObject({
      issues: [{ path: "rules.0.when" }],
      data: { issues: [{ line: 4, column: 16, ruleId: "a" }] },
    });
    expect(await activeOf(app)).toEqual(before);
  });

  test("who names nobody that is there as the next of a chain is told where, and nothing changes", async () => {
    await app.database.pool.query(
      `insert into users (id, username, email, role, is_active) values (gen_random_uuid(), 'ann', 'ann@example.org', 'developer', true),
         (gen_random_uuid(), 'bea', 'bea@example.org', 'developer', false)`,
    );
    const chain = (...names: string[]) =>
      `rules:\n  - id: a\n    effect: human\n    onTimeout: escalate\n    escalation:\n${names
        .map((to, index) => `      - { afterSeconds: ${index + 1}, to: ${to} }\n`)
        .join("")}`;
    const before = await activeOf(app);
    const refused = await apply(app, chain("ann", "everybody", "bea", "anne"));
    expect([refused.status, codeOf(refused.body)]).toEqual([400, "policy.invalid"]);
    const message = (name: string) => `nobody active is called ${name}: name somebody else, or everybody`;
    expect((refused.body as unknown as ErrorResponse).error.data).toEqual({
      issues: [
        { line: 8, column: 32, ruleId: "a", path: "rules.0.escalation.2.to", message: message("bea") },
        { line: 9, column: 32, ruleId: "a", path: "rules.0.escalation.3.to", message: message("anne") },
      ],
    });
    expect(await activeOf(app)).toEqual(before);
    const { status, body } = await apply(app, chain("ann", "everybody"));
    expect(status).toBe(201);
    // Who has to bring back what was good can't wait until somebody who left is out of it.
    await app.database.pool.query("update users set is_active = false where username = 'ann'");
    await apply(app, allowTests);
    const back = { comment: "", basedOnVersion: body.version + 1 };
    const rolledBack = await app.request("POST", `${path}/${body.version}/activate`, { body: back });
    expect(rolledBack.status).toBe(201);
  });

  test.each([`${path}/9999`, `${path}/9999/diff`])("an unknown version is a 404: %s", async (unknown) => {
    const { status, body } = await app.request("GET", unknown);
    expect([status, codeOf(body)]).toEqual([404, "policy.not_found"]);
  });

  test("the key of a worker may neither read nor write the policy", async () => {
    const worker = { token: app.workerKey };
    expect((await app.request("GET", `${path}/active`, worker)).status).toBe(403);
    const written = await app.request("POST", path, {
      ...worker,
      body: { yaml: allowTests, basedOnVersion: 1 },
    });
    expect(written.status).toBe(403);
  });
});

describe("the first policy from a file", () => {
  const directory = useTempDir();

  test("is what the file says", async () => {
    const file = join(directory(), "policy.yaml");
    await writeFile(file, allowTests);
    await using app = await buildTestApp({ config: { policy: file } });
    expect(await activeOf(app)).toMatchObject({ version: 1, yaml: allowTests, comment: `from ${file}` });
  });

  test("keeps the backend from starting when it can't be used", async () => {
    await expect(
      buildTestApp({ config: { policy: join(directory(), "nowhere.yaml") } }),
    ).rejects.toMatchObject({
      code: "config.invalid",
    });
    const file = join(directory(), "broken.yaml");
    await writeFile(file, "rules: 1\n");
    await expect(buildTestApp({ config: { policy: file } })).rejects.toMatchObject({
      code: "policy.invalid",
    });
  });
});

describe("what the policy decides", () => {
  let fixture: WorkFixture;
  let requests: ReturnType<typeof requestFixture>;
  beforeAll(async () => {
    fixture = await buildWorkFixture({ policy: "default" });
    requests = requestFixture(fixture);
  });
  afterAll(() => fixture.close());

  test("a lease pre-allows what the rules allow of its task and worker, from the moment they change", async () => {
    const classesOf = (claim: { preAllowed: { toolClass: string; ruleId: string }[] }) =>
      claim.preAllowed.map(({ toolClass, ruleId }) => `${toolClass} ${ruleId}`);
    expect(classesOf((await requests.run()).claim)).toEqual(["read default.read"]);
    await apply(fixture.app, presets["no-sandbox"].yaml);
    expect(classesOf((await requests.run()).claim)).toEqual([
      "read default.read",
      "edit no-sandbox.accepted",
      "test no-sandbox.accepted",
      "command no-sandbox.accepted",
    ]);
    expect(classesOf((await requests.run({ priority: "critical" })).claim)).toEqual(["read default.read"]);
    await apply(fixture.app, presets.default.yaml);
    expect(classesOf((await requests.run()).claim)).toEqual(["read default.read"]);
  });

  test("a request is decided within its transaction by the version that is active then", async () => {
    const { claim } = await requests.run();
    const { body: active } = await apply(fixture.app, allowTests);
    expect(await requests.askToRun(claim, "npm test")).toMatchObject({
      status: "answered",
      ruleId: "tests",
      policyVersion: active.version,
      answer: { source: "rule", sourceId: "tests", decision: "allow" },
    });
    expect(await requests.askToRun(claim, "npm test; curl evil")).toMatchObject({
      status: "human",
      ruleId: "engine.no-rule",
    });
    expect(await requests.askToRun(claim, "npm test $(")).toMatchObject({ status: "human" });
  });

  test("a simulation says case by case what would have been decided, and changes nothing", async () => {
    await apply(fixture.app, presets.default.yaml);
    const { claim } = await requests.run();
    await requests.askToRun(claim, "npm test");
    await requests.askToRun(claim, "rm -rf build");
    const before = await activeOf(fixture.app);
    const yaml = `rules:
  - { id: tests, effect: allow, commands: ["npm test"] }
  - { id: no-rm, effect: deny, commands: ["rm *"] }
`;
    const simulate = async (body: object) =>
      (await fixture.app.request<PolicySimulation>("POST", `${path}/simulate`, { body: { yaml, ...body } }))
        .body;
    const last = await simulate({ limit: 2 });
    expect(last).toMatchObject({
      activeVersion: before.version,
      considered: 2,
      changed: 2,
      isCut: false,
      counts: { active: { human: 2 }, proposed: { allow: 1, deny: 1, human: 0 } },
    });
    expect(
      last.items.map(({ command, active, proposed }) => [command, active.ruleId, proposed.ruleId]),
    ).toEqual([
      ["rm -rf build", "default.approvals", "no-rm"],
      ["npm test", "default.approvals", "tests"],
    ]);
    const all = await simulate({ limit: 1_000, onlyChanges: false });
    expect(all.considered).toBe(all.items.length);
    expect(new Set(all.items.map(({ requestId }) => requestId)).size).toBe(all.considered);
    expect(await activeOf(fixture.app)).toEqual(before);
    const refused = await fixture.app.request("POST", `${path}/simulate`, { body: { yaml: "rules: 1" } });
    expect([refused.status, codeOf(refused.body)]).toEqual([400, "policy.invalid"]);
  });

  test("a simulation tells other decisions from other deadlines and from the same by another rule", async () => {
    const rule = (fields: string) => `rules:\n  - { id: people, effect: human${fields} }\n`;
    await apply(fixture.app, rule(""));
    const { claim } = await requests.run();
    await requests.askToRun(claim, "npm publish");
    const changeOf = async (yaml: string) => {
      const body = { yaml, limit: 1 };
      const { changed, changes, items } = (
        await fixture.app.request<PolicySimulation>("POST", `${path}/simulate`, { body })
      ).body;
      expect(changes).toEqual({
        effect: 0,
        handling: 0,
        rule: 0,
        ...(items[0]?.change && { [items[0].change]: 1 }),
      });
      expect(items[0]?.isChanged ?? false).toBe(changed === 1);
      return { change: items[0]?.change, changed };
    };
    expect(await changeOf(rule(""))).toEqual({ change: undefined, changed: 0 });
    for (const fields of [
      ", deadlineSeconds: 60",
      ", onTimeout: no_answer",
      ", onTimeout: escalate, escalation: [{ afterSeconds: 5, to: everybody }]",
    ])
      expect([fields, await changeOf(rule(fields))]).toEqual([fields, { change: "handling", changed: 1 }]);
    expect(await changeOf(rule(", reason: because"))).toEqual({ change: "rule", changed: 0 });
    expect(await changeOf(yamlOf("others, effect: human"))).toEqual({ change: "rule", changed: 0 });
    const denied = yamlOf("people, effect: deny, deadlineSeconds: 60");
    expect(await changeOf(denied)).toEqual({ change: "effect", changed: 1 });
    await apply(fixture.app, denied);
    // What is settled at once waits for nobody.
    expect(await changeOf(yamlOf("people, effect: deny"))).toEqual({ change: undefined, changed: 0 });
  });

  test("another backend decides by the new version as soon as it is there", async () => {
    await using beside = await buildTestApp({ beside: fixture.app, config: { policy: "default" } });
    const { claim } = await requests.run();
    await apply(beside, yamlOf("never, effect: deny"));
    expect(await requests.askToRun(claim, "npm run build")).toMatchObject({
      status: "denied",
      ruleId: "never",
    });
    await waitUntil(async () => {
      const { claim: next } = await requests.run();
      return next.preAllowed.length === 0;
    });
  });
});
