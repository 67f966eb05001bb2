import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type EndpointShape, endpoints } from "./index.ts";

const groups: Record<string, Record<string, EndpointShape>> = endpoints;
const all = Object.entries(groups).flatMap(([group, routes]) =>
  Object.entries(routes).map(([name, endpoint]) => [`${group}.${name}`, endpoint] as const),
);

describe.each(all)("%s", (_name, endpoint) => {
  test("has an example that its own schemas accept", () => {
    const { example = {} } = endpoint;
    for (const part of ["params", "query", "body"] as const) {
      const schema = endpoint[part];
      const given = part === "query" ? (example.query ?? {}) : example[part];
      if (schema === undefined) {
        expect(example[part], `${part} of the example`).toBeUndefined();
      } else {
        expect(schema.safeParse(given), `${part} of the example`).toMatchObject({ success: true });
      }
    }
    if (endpoint.response !== null) {
      expect(endpoint.response.safeParse(example.response)).toMatchObject({ success: true });
    }
  });

  test("names in its path exactly the parameters its schema checks", () => {
    const inPath = [...endpoint.path.matchAll(/:(\w+)/g)].map(([, name]) => name).sort();
    const shape = endpoint.params instanceof z.ZodObject ? Object.keys(endpoint.params.shape) : [];
    expect(shape.sort()).toEqual(inPath);
  });

  test("answers 204 exactly when it has nothing to say", () => {
    const hasAnswer = endpoint.response !== null || endpoint.responseType !== undefined;
    expect(endpoint.status === 204).toBe(!hasAnswer);
  });
});

test("no two endpoints share method and path", () => {
  const seen = all.map(([, { method, path }]) => `${method} ${path.replace(/:\w+/g, ":x")}`);
  expect(new Set(seen).size).toBe(seen.length);
});

test("only health, about, and what signs somebody in or lets them in again, are open to everybody", () => {
  const open = all.filter(([, { permission }]) => permission === "public").map(([name]) => name);
  expect(open.sort()).toEqual([
    "auth.forgotPassword",
    "auth.login",
    "auth.logout",
    "auth.refresh",
    "auth.register",
    "auth.resetPassword",
    "auth.setUp",
    "auth.verifyEmail",
    "system.about",
    "system.health",
    "system.live",
    "system.openLocalLink",
    "system.ready",
  ]);
});

/** Every property name that a JSON schema mentions, with its path. */
function propertyPaths(value: unknown, path: string): string[] {
  if (typeof value !== "object" || value === null) {
    return [];
  }
  return Object.entries(value).flatMap(([key, inner]) => {
    if (key === "properties" && typeof inner === "object" && inner !== null) {
      return Object.entries(inner).flatMap(([name, schema]) => [
        `${path}.${name}`,
        ...propertyPaths(schema, `${path}.${name}`),
      ]);
    }
    return propertyPaths(inner, path);
  });
}

test("no response holds a hash, a token or a key, but the tokens of leases and what is shown once at its creation", () => {
  const suspicious = /hash|token|secret|password|(?<!canonical)key$/i;
  const found = all.flatMap(([name, { response }]) =>
    response === null
      ? []
      : propertyPaths(z.toJSONSchema(response, { io: "output", unrepresentable: "any" }), name).filter(
          (path) => suspicious.test(path.split(".").at(-1) ?? ""),
        ),
  );
  const harmless =
    /\.(canonicalKey|inputTokens|outputTokens|cacheReadTokens|cacheWriteTokens|tokensMax|apiKey)$/;
  expect([...new Set(found)].filter((path) => !harmless.test(path)).sort()).toEqual([
    "auth.login.accessToken",
    "auth.login.refreshToken",
    "auth.refresh.accessToken",
    "auth.refresh.refreshToken",
    "auth.setUp.accessToken",
    "auth.setUp.refreshToken",
    "credentials.forAttempt.credential.password",
    "credentials.forAttempt.credential.privateKey",
    "credentials.forAttempt.testSecrets",
    "notices.createChannel.signingSecret",
    "queue.claim.attemptToken",
    "system.createApiKey.secret",
    "system.rotateApiKey.secret",
    "workerRequests.claim.leaseToken",
  ]);
});
