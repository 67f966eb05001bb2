import { expect, test } from "vitest";
import { errorCatalog, errorCodes, errorKinds, errorResponseSchema, isErrorCode } from "./errors.ts";

test("every code reads noun.reason and says what it means and what to do", () => {
  for (const code of errorCodes) {
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*$/);
    const { kind, title, remedy } = errorCatalog[code];
    expect(errorKinds[kind]).toBeGreaterThanOrEqual(400);
    expect(title).toMatch(/\.$/);
    expect(remedy).toMatch(/\.$/);
  }
});

test("what is nobody's fault can be tried again", () => {
  for (const code of [
    "database.unavailable",
    "queue.unavailable",
    "server.stopping",
    "storage.full",
  ] as const) {
    expect(errorCatalog[code].retryable).toBe(true);
  }
  expect(errorCatalog["internal.unexpected"].retryable).toBe(false);
});

test("only codes of the catalog are codes", () => {
  expect(isErrorCode("task.not_found")).toBe(true);
  expect(isErrorCode("task.lost")).toBe(false);
  expect(isErrorCode("toString")).toBe(false);
});

test("an error body needs a known code and a request id", () => {
  const error = { code: "task.not_found", message: "There is no such task.", requestId: "r1" };
  expect(errorResponseSchema.safeParse({ error }).success).toBe(true);
  expect(errorResponseSchema.safeParse({ error: { ...error, code: "no.such" } }).success).toBe(false);
  expect(errorResponseSchema.safeParse({ error: { code: "task.not_found", message: "" } }).success).toBe(
    false,
  );
});
