import { connectEvents } from "@agentvine/client";
import { waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type AccountFixture,
  buildAccountFixture,
  type SignedInPerson,
} from "../../testing/account-fixture.ts";

let fixture: AccountFixture;
beforeAll(async () => {
  // Live connections look by themselves far too seldom to help here.
  fixture = await buildAccountFixture({ limits: { realtime: { recheckMs: 600_000 } } });
});
afterAll(() => fixture.close());

const happen = (nth: string) =>
  fixture.app.request("POST", "/api/v1/repositories", {
    token: fixture.admin.token,
    body: { url: `https://example.com/a/${nth}` },
  });

/** Reads the stream of events until it ends. */
async function stream({ token }: SignedInPerson) {
  const response = await fetch(`${fixture.app.url}/api/v1/events/stream`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const read = { text: "", hasEnded: false };
  const decoder = new TextDecoder();
  void (async () => {
    for await (const chunk of response.body ?? []) read.text += decoder.decode(chunk as Uint8Array);
    read.hasEnded = true;
  })();
  await waitUntil(() => read.text.includes("retry:"));
  return read;
}

test.each([
  ["signs out", (person: SignedInPerson) => fixture.auth("logout", { refreshToken: person.refreshToken })],
  [
    "is disabled",
    (person: SignedInPerson) =>
      fixture.app.request("PATCH", `/api/v1/users/${person.id}`, {
        token: fixture.admin.token,
        body: { isActive: false },
      }),
  ],
])(
  "who %s is cut off from live news at once, and learns of nothing that happens later",
  async (what, end) => {
    const person = await fixture.newPerson();
    const states: boolean[] = [];
    const heard: string[] = [];
    const live = connectEvents({
      ...{ baseUrl: fixture.app.url, token: person.token },
      onItem: ({ data }) => heard.push(JSON.stringify(data)),
      onState: ({ isLive }) => states.push(isLive),
    });
    const read = await stream(person);
    await waitUntil(() => states.at(-1) === true);
    await happen(`before-${person.username}`);
    await waitUntil(() => heard.length > 0 && read.text.includes(`before-${person.username}`));
    await end(person);
    await waitUntil(() => states.at(-1) === false, { message: what });
    await happen(`after-${person.username}`);
    await waitUntil(() => read.hasEnded);
    expect(read.text + heard.join("")).not.toContain(`after-${person.username}`);
    live.close();
  },
);
