import { describe, expect, test } from "vitest";
import { isDatabaseUnavailable, isDiskFull, isUniqueViolation, sqlStateOf } from "./database-error.ts";

const pgError = (code: string, constraint?: string) => Object.assign(new Error("pg"), { code, constraint });
const wrapped = (cause: unknown) => new Error("Failed query", { cause });

test("the SQLSTATE is found however often the error was wrapped", () => {
  expect(sqlStateOf(wrapped(wrapped(pgError("40001"))))).toBe("40001");
  expect(sqlStateOf(pgError("XX000"))).toBe("XX000");
  for (const other of [new Error("x"), pgError("EPIPE"), pgError("ECONNRESET"), "text", null, undefined]) {
    expect(sqlStateOf(other)).toBeUndefined();
  }
});

test("a violated unique constraint is known by its name", () => {
  const error = wrapped(pgError("23505", "tasks_key"));
  expect(isUniqueViolation(error)).toBe(true);
  expect(isUniqueViolation(error, "tasks_key")).toBe(true);
  expect(isUniqueViolation(error, "other_key")).toBe(false);
  expect(isUniqueViolation(pgError("23503", "tasks_key"))).toBe(false);
  expect(isUniqueViolation(new Error("x"), "tasks_key")).toBe(false);
});

describe("unavailable", () => {
  const refused = Object.assign(new Error("connect ECONNREFUSED"), {
    code: "ECONNREFUSED",
    syscall: "connect",
  });
  test.each([
    ["57P01", pgError("57P01")],
    ["57P03", wrapped(pgError("57P03"))],
    ["08006", pgError("08006")],
    ["53300", pgError("53300")],
    ["refused", refused],
    ["refused on every address", new AggregateError([refused, refused])],
    ["cut while waiting", new Error("Connection terminated unexpectedly")],
    ["no free connection", wrapped(new Error("timeout exceeded when trying to connect"))],
  ])("%s", (_name, error) => {
    expect(isDatabaseUnavailable(error)).toBe(true);
  });

  test.each([
    ["a syntax error", pgError("42601")],
    ["a cancelled statement", pgError("57014")],
    [
      "another address that refuses",
      Object.assign(new Error("x"), { code: "ECONNREFUSED", syscall: "read" }),
    ],
    ["a mistake of ours", new TypeError("x is not a function")],
    ["nothing", undefined],
  ])("not %s", (_name, error) => {
    expect(isDatabaseUnavailable(error)).toBe(false);
  });
});

test("a full disk is told apart", () => {
  expect(isDiskFull(wrapped(pgError("53100")))).toBe(true);
  expect(isDiskFull(pgError("53200"))).toBe(false);
});
