import { afterAll, beforeAll, expect, test } from "vitest";
import { type AccountFixture, account, buildAccountFixture } from "../../testing/account-fixture.ts";

let fixture: AccountFixture;
beforeAll(async () => {
  // Cheaper than what people wait for, and still by far the longest part of the answer.
  fixture = await buildAccountFixture({ limits: { accounts: { bcryptCost: 9, mailRetryMs: 1 } } });
});
afterAll(() => fixture.close());

const rounds = 50;
/** How much the medians may differ, in milliseconds. */
const differenceMax = 20;

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

type Kind = "known" | "unknown";
/** Prepares a question and returns what asks it. */
type Ask = (kind: Kind, round: number) => Promise<() => Promise<{ status: number; body: unknown }>>;

/** Asks about somebody and nobody in turn. */
async function compare(ask: Ask) {
  const times = { known: [] as number[], unknown: [] as number[] };
  const answers = { known: new Set<string>(), unknown: new Set<string>() };
  for (let round = 0; round < rounds; round += 1) {
    for (const kind of round % 2 === 0 ? (["known", "unknown"] as const) : (["unknown", "known"] as const)) {
      const send = await ask(kind, round);
      const startedMs = performance.now();
      const { status, body } = await send();
      times[kind].push(performance.now() - startedMs);
      answers[kind].add(`${status} ${JSON.stringify(body).replace(/"requestId":"[^"]*"/, "")}`);
    }
  }
  return { difference: Math.abs(median(times.known) - median(times.unknown)), answers };
}

test("neither status, body nor time of login, registration and forgotten passwords tell whether there is an account", async () => {
  const person = await fixture.newPerson();
  const nameOf = (kind: Kind) => (kind === "known" ? person.username : "nobody");
  const asks = {
    login: async (kind: Kind) => {
      // Whoever guesses from one place is soon told to wait; this one guesses from many.
      await fixture.rows("delete from login_failures");
      return () => fixture.logIn(nameOf(kind), "a wrong password it is");
    },
    register: async (kind: Kind, round: number) => () =>
      fixture.auth("register", {
        ...account(`${nameOf(kind)}-${round}`),
        ...(kind === "known" ? { email: person.email } : {}),
      }),
    forgot: async (kind: Kind) => () =>
      fixture.auth("forgot-password", { email: `${nameOf(kind)}@example.org` }),
  };
  for (const [name, ask] of Object.entries(asks)) {
    const { difference, answers } = await compare(ask);
    expect([name, [...answers.known]]).toEqual([name, [...answers.unknown]]);
    expect(answers.known.size).toBe(1);
    expect({ name, isSlower: difference >= differenceMax }).toEqual({ name, isSlower: false });
  }
}, 120_000);
