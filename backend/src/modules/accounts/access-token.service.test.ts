import { createHmac, createSecretKey, generateKeyPairSync, hkdfSync } from "node:crypto";
import type { Clock } from "@agentvine/kit";
import fc from "fast-check";
import { SignJWT } from "jose";
import { expect, test } from "vitest";
import { accessSeconds, createAccessTokens } from "./access-token.service.ts";

const secret = "0f".repeat(32);
const startMs = Date.parse("2026-03-01T12:00:00Z");
let nowMs = startMs;
const clock: Clock = { now: () => new Date(nowMs), monotonicMs: () => nowMs };
const tokens = createAccessTokens({ secret, clock });
const claims = { userId: "ada", sessionId: "s-1" };
const keySeconds = 30 * 86_400;

const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const kidAt = (ms: number): string => `k${Math.floor(ms / 1_000 / keySeconds)}`;
const keyOf = (kid: string, from = secret): Buffer =>
  Buffer.from(hkdfSync("sha256", Buffer.from(from, "hex"), "agentvine", `access token ${kid}`, 32));
const goodClaims = () => {
  const iat = Math.floor(nowMs / 1_000);
  return { iss: "agentvine", aud: "agentvine-api", sub: "ada", sid: "s-1", iat, exp: iat + accessSeconds };
};
const goodHeader = () => ({ alg: "HS256", typ: "at+jwt", kid: kidAt(nowMs) });

/** A token that the installation's own key has signed, with other contents. */
const signed = (header: object, payload: object, key: Buffer = keyOf(kidAt(nowMs))): string => {
  const text = `${base64({ ...goodHeader(), ...header })}.${base64({ ...goodClaims(), ...payload })}`;
  return `${text}.${createHmac("sha256", key).update(text).digest("base64url")}`;
};

test("an access token says who and which session, for ten minutes", async () => {
  const token = await tokens.issue(claims);
  expect(await tokens.verify(token)).toEqual(claims);
  expect(await tokens.verify(signed({}, {}))).toEqual(claims);
  nowMs = startMs + (accessSeconds - 1) * 1_000;
  expect(await tokens.verify(token)).toEqual(claims);
  nowMs = startMs + (accessSeconds + 31) * 1_000;
  expect(await tokens.verify(token)).toBeUndefined();
  nowMs = startMs;
});

test.each([
  ["another issuer", {}, { iss: "somebody" }],
  ["another audience", {}, { aud: "another-api" }],
  ["another type, as a refresh or identity token", { typ: "JWT" }, {}],
  ["no session", {}, { sid: undefined }],
  ["no user", {}, { sub: undefined }],
  ["no end", {}, { exp: undefined }],
  ["an end that is far", {}, { iat: undefined }],
  ["a beginning that is to come", {}, { nbf: Math.floor(startMs / 1_000) + 3_600 }],
  ["an end in the past", {}, { exp: Math.floor(startMs / 1_000) - 60 }],
  ["an age that none of ours has", {}, { iat: Math.floor(startMs / 1_000) - 7_200, exp: 9_999_999_999 }],
  ["no key named", { kid: undefined }, {}],
  ["a key that is a path", { kid: "../../../dev/null" }, {}],
  ["a key that is SQL", { kid: "k1' or '1'='1" }, {}],
  ["an extension that must be understood", { crit: ["x"], x: 1 }, {}],
])("with %s is refused, although it is signed with our key", async (_what, header, payload) => {
  expect(await tokens.verify(signed(header, payload))).toBeUndefined();
});

test("none, another algorithm, or a key that the token itself brings, is no signature", async () => {
  const body = base64(goodClaims());
  for (const alg of ["none", "None", "NONE", "HS512", "RS256", "ES256"])
    for (const signature of ["", "AAAA", createHmac("sha256", "").update("x").digest("base64url")])
      expect(await tokens.verify(`${base64({ ...goodHeader(), alg })}.${body}.${signature}`)).toBeUndefined();
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const pem = publicKey.export({ type: "spki", format: "pem" });
  const jwk = publicKey.export({ format: "jwk" });
  for (const header of [
    { alg: "RS256", jwk },
    { alg: "RS256", jku: "https://evil.example/keys" },
  ])
    expect(
      await tokens.verify(
        await new SignJWT(goodClaims()).setProtectedHeader({ ...goodHeader(), ...header }).sign(privateKey),
      ),
    ).toBeUndefined();
  // A public key as the secret of an HMAC.
  const confused = await new SignJWT(goodClaims())
    .setProtectedHeader(goodHeader())
    .sign(createSecretKey(Buffer.from(pem)));
  expect(await tokens.verify(confused)).toBeUndefined();
});

test("keys follow each other every thirty days; what the old one signed is good to its end", async () => {
  const turn = Math.ceil(startMs / 1_000 / keySeconds) * keySeconds * 1_000;
  nowMs = turn - 1_000;
  const old = await tokens.issue(claims);
  nowMs = turn + 1_000;
  const fresh = await tokens.issue(claims);
  const kidIn = (token: string) =>
    (JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()) as { kid: string }).kid;
  expect(kidIn(fresh)).not.toBe(kidIn(old));
  expect([await tokens.verify(old), await tokens.verify(fresh)]).toEqual([claims, claims]);
  nowMs = turn + 3_600_000;
  // Who finds an old key later can make nothing of it.
  expect(await tokens.verify(signed({ kid: kidIn(old) }, {}, keyOf(kidIn(old))))).toBeUndefined();
  nowMs = startMs;
});

test("another installation's token, and any token with one character changed, is refused", async () => {
  const other = createAccessTokens({ secret: "1e".repeat(32), clock });
  expect(await tokens.verify(await other.issue(claims))).toBeUndefined();
  const token = await tokens.issue(claims);
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: token.length - 1 }),
      fc.constantFrom(..."ABCxyz019-_."),
      async (at, letter) => {
        const changed = token.slice(0, at) + letter + token.slice(at + 1);
        // The last letter of the signature has bits that mean nothing.
        fc.pre(changed !== token && at < token.length - 1);
        expect(await tokens.verify(changed)).toBeUndefined();
      },
    ),
    { numRuns: 300 },
  );
});
