import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type AccountFixture,
  buildAccountFixture,
  codeOf,
  password,
  tokenIn,
} from "../../testing/account-fixture.ts";
import { lockedSeconds, lockoutOfAccount, lockoutOfAddress } from "./lockout.ts";

let fixture: AccountFixture;
beforeAll(async () => {
  // A trusted proxy stands before it, or all callers would have one address.
  fixture = await buildAccountFixture();
});
afterAll(() => fixture.close());

const wrong = "a wrong password it is";
const from = (address: string, identifier: string, given = wrong) =>
  fixture.app.server.inject({
    method: "POST",
    url: "/api/v1/auth/login",
    headers: { host: "localhost" },
    remoteAddress: address,
    payload: { identifier, password: given, transport: "body" },
  });
const fail = async (times: number, identifier: string, addressOf: (i: number) => string) => {
  for (let i = 0; i < times; i += 1) await from(addressOf(i), identifier);
};
/** As many failures as that under every key that has some, the last just now: a slow machine must not wait the lock out. */
const haveFailed = (failures: number, atLeast = 1) =>
  fixture.rows(
    `update login_failures set failures = ${failures}, last_failed_at = clock_timestamp() where failures >= ${atLeast}`,
  );

describe("the wait after wrong passwords", () => {
  test("never shrinks as they grow, doubles, and has an end", () => {
    fc.assert(
      fc.property(
        fc.nat(10_000),
        fc.constantFrom(lockoutOfAddress, lockoutOfAccount),
        (failures, lockout) => {
          const [now, next] = [lockedSeconds(failures, lockout), lockedSeconds(failures + 1, lockout)];
          expect(next).toBeGreaterThanOrEqual(now);
          expect(now).toBeLessThanOrEqual(lockout.secondsMax);
          expect(now > 0).toBe(failures >= lockout.freeFailures);
          if (now > 0 && next < lockout.secondsMax) expect(next).toBe(now * 2);
        },
      ),
    );
  });

  test("holds for the right password too, says for how long, and does not grow by asking", async () => {
    const person = await fixture.newPerson();
    await fail(8, person.username, () => "192.0.2.1");
    await haveFailed(8);
    const answers = [
      await from("192.0.2.1", person.username, password),
      await from("192.0.2.1", person.username),
    ];
    for (const answer of answers) {
      expect([answer.statusCode, codeOf(answer.json())]).toEqual([429, "auth.locked"]);
      expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
      expect(Number(answer.headers["retry-after"])).toBeLessThanOrEqual(8);
    }
    // What was typed is kept nowhere in the clear.
    const dump = JSON.stringify(await fixture.rows("select * from login_failures"));
    expect(dump).not.toContain(person.username);
    await fixture.rows("update login_failures set last_failed_at = last_failed_at - interval '9 seconds'");
    expect((await from("192.0.2.1", person.username, password)).statusCode).toBe(200);
    // The right one ends it.
    expect((await from("192.0.2.1", person.username)).statusCode).toBe(401);
  });

  test("is the same for accounts that do not exist", async () => {
    const person = await fixture.newPerson();
    const answer = async (identifier: string) => {
      const reply = await from("192.0.2.2", identifier);
      const { error } = reply.json<{ error: { code: string; message: string } }>();
      return [reply.statusCode, error.code, error.message.replace(/\d+ s/, "n s")];
    };
    const told = async (identifier: string) => {
      const answers = [];
      for (let i = 0; i < 5; i += 1) answers.push(await answer(identifier));
      await haveFailed(12);
      return [...answers, await answer(identifier)];
    };
    const unknown = await told("nobody-of-that-name");
    expect(unknown.map(([status]) => status)).toEqual([401, 401, 401, 401, 401, 429]);
    expect(await told(person.username)).toEqual(unknown);
  });

  test("that a stranger causes does not reach the owner elsewhere, and never lasts long where the owner was never seen", async () => {
    const person = await fixture.newPerson();
    expect((await from("198.51.100.7", person.username, password)).statusCode).toBe(200);
    // From so many addresses that each has its free tries.
    await fail(52, person.username, (i) => `203.0.113.${Math.floor(i / 4)}`);
    await fixture.rows(
      "update login_failures set failures = 80, last_failed_at = now() where failures >= 50",
    );
    // The owner's own place is known: no wait at all.
    expect((await from("198.51.100.7", person.username, password)).statusCode).toBe(200);
    const elsewhere = await from("198.51.100.99", person.username, password);
    expect(elsewhere.statusCode).toBe(429);
    expect(Number(elsewhere.headers["retry-after"])).toBeLessThanOrEqual(60);
    // A new password by a link lets in from everywhere.
    await fixture.auth("forgot-password", { email: person.email });
    const token = tokenIn(await fixture.mail(person.email, "Set a new password"));
    const newPassword = "ten green lighthouses";
    expect((await fixture.auth("reset-password", { token, newPassword })).status).toBe(204);
    expect((await from("198.51.100.99", person.username, newPassword)).statusCode).toBe(200);
  });

  test("is forgotten after a day", async () => {
    const person = await fixture.newPerson();
    await fail(5, person.username, () => "192.0.2.3");
    await haveFailed(12);
    expect((await from("192.0.2.3", person.username, password)).statusCode).toBe(429);
    await fixture.rows("update login_failures set last_failed_at = now() - interval '25 hours'");
    expect((await from("192.0.2.3", person.username, password)).statusCode).toBe(200);
  });
});
