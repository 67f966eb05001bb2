import { errorResponseSchema } from "@agentvine/contracts";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostile, placesIn, replaced } from "../testing/hostile-values.ts";
import type { RequestInput } from "../testing/request-input.ts";
import { buildValidRequests, type ValidRequest } from "../testing/valid-requests.ts";

// One value of a valid request is replaced by something hostile, again and again, for every operation: 300 times each, the same in every
// run. The short test beside this one does a few of each with every `npm test`.

const runsPerOperation = 300;
const seed = 20_260_101;
/** Backends side by side, each with a database of its own: most of the time goes by waiting. */
const lanesMax = 3;

/** What only our own code and our own database know. */
const innards =
  /\n\s+at \S|node_modules\/|\.(ts|js):\d+:\d+|\b(select|insert into|update|delete from) .{0,80}\$\d/i;

type Lane = Awaited<ReturnType<typeof buildValidRequests>>;
let lanes: Lane[];
beforeAll(async () => {
  lanes = await Promise.all(Array.from({ length: lanesMax }, () => buildValidRequests()));
}, 120_000);
afterAll(async () => {
  for (const { fixture } of lanes) await fixture.close();
}, 120_000);

/** An operation that takes nothing has no value to exchange: a few times it gets something that it does not know. */
const runsWithoutFields = 10;

/** Where something can be put into a request. */
function placesOf({ params, query, body }: RequestInput): ReturnType<typeof placesIn> {
  const parts = { ...(params && { params }), ...(query && { query }), ...(body !== undefined && { body }) };
  return placesIn(parts).filter((path) => path.length > 1 || path[0] === "body");
}

/** Makes valid inputs, and the next one only when the last was used up. */
async function inputsOf({ send }: Lane, { endpoint, make }: ValidRequest) {
  let input: RequestInput | undefined = await make();
  const first = await send(endpoint, input);
  const again = await send(endpoint, input);
  const isRepeatable = first.status < 300 && again.status < 300;
  if (!isRepeatable && first.status < 300) input = undefined;
  return {
    next: async (): Promise<RequestInput> => {
      input ??= await make();
      return input;
    },
    taken: (): void => {
      if (!isRepeatable) input = undefined;
    },
  };
}

/** Sends one operation its hostile requests; what broke comes back, a line each. */
async function attack(lane: Lane, one: ValidRequest) {
  const inputs = await inputsOf(lane, one);
  const broken: string[] = [];
  let refused = 0;
  const hasFields = placesOf(await inputs.next()).length > 0;
  const numRuns = hasFields ? runsPerOperation : runsWithoutFields;
  const attacks = fc.sample(fc.tuple(fc.nat(), hostile), { seed, numRuns });
  for (const [place, value] of attacks) {
    const made = await inputs.next();
    const input = { ...made, query: made.query ?? {} };
    const places = placesOf(input);
    const at = places[place % Math.max(1, places.length)] ?? ["query", "unknown"];
    // A long poll would hold the test up: it gets no time to wait.
    const isPoll = at.at(-1) === "waitSeconds" && Number(value) > 0;
    const sent = isPoll ? "x" : value;
    const { status, body } = await lane.send(one.endpoint, replaced(input, at, sent) as RequestInput);
    if (status < 400) inputs.taken();
    else refused += 1;
    const isTyped = status < 400 || errorResponseSchema.safeParse(body).success;
    const told = JSON.stringify(body) ?? "";
    if (status >= 500 || !isTyped || (status >= 400 && innards.test(told)))
      broken.push(
        `${one.name} ${at.join(".")} = ${JSON.stringify(sent)?.slice(0, 60)}: ${status} ${told.slice(0, 300)}`,
      );
  }
  return { hasFields, sent: attacks.length, refused, broken };
}

test(`none of ${runsPerOperation} hostile values per operation breaks it: each is taken, or refused with a typed error`, async () => {
  const names = lanes[0]?.all.map(({ name }) => name) ?? [];
  const waiting = [...names];
  const results: Awaited<ReturnType<typeof attack>>[] = [];
  await Promise.all(
    lanes.map(async (lane) => {
      for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
        const one = lane.all.find((each) => each.name === name);
        if (one === undefined) throw new Error(`there is no ${name}`);
        results.push(await attack(lane, one));
      }
    }),
  );
  expect(results.flatMap(({ broken }) => broken)).toEqual([]);
  const withFields = results.filter(({ hasFields }) => hasFields);
  expect([results.length, withFields.length > 100]).toEqual([names.length, true]);
  expect(Math.min(...withFields.map(({ sent }) => sent))).toBe(runsPerOperation);
  // Were everything taken, or nothing, it would not be the requests that are tried.
  const total = withFields.length * runsPerOperation;
  const refused = withFields.reduce((sum, one) => sum + one.refused, 0);
  expect(refused / total).toBeGreaterThan(0.3);
  expect(refused / total).toBeLessThan(0.95);
}, 900_000);
