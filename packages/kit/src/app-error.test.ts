import { type ErrorCode, errorCatalog, errorKinds } from "@agentvine/contracts";
import { describe, expect, it } from "vitest";
import { AppError, coerceError, isAppError } from "./app-error.ts";

describe("AppError", () => {
  it("takes kind, status and retryable of every code from the catalog", () => {
    for (const code of Object.keys(errorCatalog) as ErrorCode[]) {
      const error = new AppError(code, "text");
      expect(error.kind).toBe(errorCatalog[code].kind);
      expect(error.status).toBe(errorKinds[errorCatalog[code].kind]);
      expect(error.retryable).toBe(errorCatalog[code].retryable);
    }
  });

  it("keeps public message, detail, cause, issues and data apart", () => {
    const cause = new Error("disk");
    const issues = [{ path: "title", message: "too long" }];
    const error = new AppError("config.invalid", "public", {
      detail: "private",
      cause,
      issues,
      data: { a: 1 },
    });
    expect(error).toMatchObject({ message: "public", detail: "private", cause, issues, data: { a: 1 } });
    expect(error).toBeInstanceOf(Error);
    expect("cause" in new AppError("config.invalid", "x")).toBe(false);
  });

  it("is recognised by class and by code", () => {
    const error = new AppError("config.invalid", "x");
    expect(isAppError(error)).toBe(true);
    expect(isAppError(error, "config.invalid")).toBe(true);
    const other = (Object.keys(errorCatalog) as ErrorCode[]).find((code) => code !== "config.invalid");
    expect(isAppError(error, other)).toBe(false);
    expect(isAppError(new Error("x"))).toBe(false);
  });
});

describe("coerceError", () => {
  it("returns an Error unchanged", () => {
    const error = new TypeError("x");
    expect(coerceError(error)).toBe(error);
  });

  it.each([
    ["text", "text"],
    [{ message: "from a foreign object" }, "from a foreign object"],
    [{ code: 7 }, '{"code":7}'],
    [undefined, "undefined"],
    [10n, "10"],
  ])("makes an Error of %s and keeps the value as cause", (thrown, message) => {
    const error = coerceError(thrown);
    expect(error).toBeInstanceOf(Error);
    expect(error.message).toBe(message);
    expect(error.cause).toBe(thrown);
  });
});
