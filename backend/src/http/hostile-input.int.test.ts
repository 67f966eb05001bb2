import { errorResponseSchema } from "@agentvine/contracts";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostile, placesIn, replaced } from "../testing/hostile-values.ts";
import type { RequestInput } from "../testing/request-input.ts";
import { buildValidRequests } from "../testing/valid-requests.ts";

// One value of a valid request is replaced by something hostile; whatever the route makes of it, it must not break.

const runs = 400;
const seed = 20_260_101;

let valid: Awaited<ReturnType<typeof buildValidRequests>>;
beforeAll(async () => {
  valid = await buildValidRequests();
});
afterAll(() => valid.fixture.close());

test("the requests that are made hostile are valid", async () => {
  const expected: Record<string, number> = {
    "tasks.diff": 404,
    "executions.downloadArtifact": 404,
    "system.openLocalLink": 401,
  };
  for (const { name, endpoint, make } of valid.all) {
    const { status, body } = await valid.send(endpoint, await make());
    const isFine = status < 300 || status === expected[name];
    expect(isFine, `${name}: ${status} ${JSON.stringify(body)}`).toBe(true);
  }
}, 60_000);

test("no value of any field breaks a route: it is taken, or refused with a typed error", async () => {
  const prepared = new Map<string, RequestInput>();
  const broken: string[] = [];
  const property = fc.asyncProperty(
    fc.nat({ max: valid.all.length - 1 }),
    fc.nat(),
    hostile,
    async (index, place, value) => {
      const one = valid.all[index];
      if (one === undefined) {
        return;
      }
      const input = prepared.get(one.name) ?? (await one.make());
      const { params, query, body } = input;
      const places = placesIn({
        ...(params && { params }),
        ...(query && { query }),
        ...(body !== undefined && { body }),
      }).filter((path) => path.length > 1 || path[0] === "body");
      const at = places[place % Math.max(1, places.length)];
      // A long poll would hold the test up.
      if (at === undefined || (at.at(-1) === "waitSeconds" && Number(value) > 0)) {
        return;
      }
      const { status, body: answer } = await valid.send(
        one.endpoint,
        replaced(input, at, value) as RequestInput,
      );
      // What took the request may have used up its state.
      prepared.delete(one.name);
      if (status >= 400) {
        prepared.set(one.name, input);
      }
      if (status >= 500 || (status >= 400 && !errorResponseSchema.safeParse(answer).success)) {
        broken.push(
          `${one.name} ${at.join(".")} = ${JSON.stringify(value)?.slice(0, 60)}: ${status} ${JSON.stringify(answer)}`,
        );
      }
    },
  );
  await fc.assert(property, { seed, numRuns: runs });
  expect(broken).toEqual([]);
}, 60_000);

test("bodies that are too large, too deep or not JSON are refused before anything looks at them", async () => {
  const post = async (body: string, path = "/api/v1/tasks") => {
    const response = await fetch(new URL(path, valid.fixture.app.url), {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${valid.fixture.app.token}` },
      body,
    });
    const { error } = errorResponseSchema.parse(await response.json());
    return `${response.status} ${error.code}`;
  };
  const nested = (levels: number, open = "[", close = "]") =>
    `{"title":"t","type":"docs","repositoryUrl":"${valid.fixture.repositoryPath}","enqueue":false,"metadata":{"a":${open.repeat(levels)}1${close.repeat(levels)}}}`;
  const megabytes = "x".repeat(10 * 1_024 * 1_024);
  expect(await post(`{"title":"${megabytes}"}`)).toBe("413 request.too_large");
  expect(await post(`{"title":"${megabytes}"}`, "/api/v1/queue/complete")).toMatch(/^(413|403) /);
  for (const levels of [70, 500, 1_000, 1_500, 2_000, 2_500, 5_000, 100_000, 400_000]) {
    expect(await post(nested(levels)), `${levels} levels`).toBe("400 request.malformed");
  }
  for (const levels of [70, 1_000, 100_000]) {
    expect(await post(nested(levels, '{"a":', "}")), `${levels} levels`).toBe("400 request.malformed");
  }
  for (const text of ["", "null", "[]", '"x"', "1", "true", "{", "\u0000", "{}x", "NaN", "\ufeff{}"]) {
    expect(await post(text), JSON.stringify(text)).toMatch(/^400 request\.(malformed|invalid)$/);
  }
  expect((await valid.fixture.app.request("GET", "/health/ready")).status).toBe(200);
});
