import { type EndpointShape, endpoints, errorResponseSchema } from "@agentvine/contracts";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AccountFixture, buildAccountFixture, password } from "../../testing/account-fixture.ts";
import { hostile, placesIn, replaced } from "../../testing/hostile-values.ts";

// As in hostile-input.int.test.ts, for the routes that need accounts: one value of a valid request is replaced by something hostile.

const runs = 300;
const seed = 20_260_102;

let fixture: AccountFixture;
beforeAll(async () => {
  fixture = await buildAccountFixture();
  await fixture.rows("create table kept as select id, hashed_password from users");
});
/** What the requests did that were valid after all: passwords changed, and tried too often. */
const undo = async () => {
  await fixture.rows("update users u set hashed_password = k.hashed_password from kept k where k.id = u.id");
  await fixture.rows("delete from login_failures");
};
afterAll(() => fixture.close());

const operations = [...Object.entries(endpoints.auth), ...Object.entries(endpoints.users)] as [
  string,
  EndpointShape,
][];

/** Everything of a request that can be hostile. */
interface Input {
  params?: Record<string, unknown>;
  query?: Record<string, unknown>;
  body?: unknown;
  headers: Record<string, unknown>;
}

function inputOf({ example = {}, params }: EndpointShape): Input {
  const { query, body } = example as Input;
  return {
    ...(params === undefined ? {} : { params: { userId: fixture.admin.id, sessionId: fixture.admin.id } }),
    ...(query === undefined ? {} : { query }),
    ...(body === undefined ? {} : { body }),
    headers: {
      cookie: `agentvine_refresh=avr_${"x".repeat(43)}`,
      origin: fixture.app.url,
      "user-agent": "x",
    },
  };
}

async function send({ method, path }: EndpointShape, token: string, input: Input) {
  const { params = {}, query = {}, body, headers } = input;
  const filled = path.replace(/:(\w+)/g, (_, name: string) =>
    encodeURIComponent(String(params[name]).toWellFormed()),
  );
  const search = new URLSearchParams(
    Object.entries(query).map(([key, value]): [string, string] => [key, String(value)]),
  );
  // What no HTTP client can send as a header is not sent.
  const sendable = Object.entries(headers).flatMap(([name, value]) =>
    typeof value === "string" && /^[\x20-\x7e]{1,8000}$/.test(value) ? [[name, value] as const] : [],
  );
  return await fixture.app.request(method, `${filled}?${search}`, {
    token,
    headers: Object.fromEntries(sendable),
    ...(method === "GET" ? {} : { body: body ?? {} }),
  });
}

describe.each(operations)("%s", (_name, endpoint) => {
  test(`answers ${runs} requests with one hostile value each without breaking, and with an error of ours`, async () => {
    const valid = inputOf(endpoint);
    const places = placesIn(valid).filter(([part, ...rest]) => part === "body" || rest.length > 0);
    // One of these routes ends all sessions.
    const token = (await fixture.logIn("root", password)).body.accessToken;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...places), hostile, async (at, value) => {
        const { status, body } = await send(endpoint, token, replaced(valid, at, value) as Input);
        expect(status, JSON.stringify(body)).toBeLessThan(500);
        if (status >= 400) errorResponseSchema.parse(body);
        expect(JSON.stringify(body ?? null)).not.toMatch(/\$2b\$|hashedPassword|node_modules|\.ts:/);
      }),
      { seed, numRuns: runs },
    );
    await undo();
    expect((await fixture.logIn("root", password)).status).toBe(200);
  }, 60_000);
});
