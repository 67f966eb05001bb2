import { describe, expect, test } from "vitest";
import {
  databaseFaultOf,
  isDatabaseUnavailable,
  isUniqueViolation,
  spoilsConnection,
  sqlStateOf,
} from "./database-error.ts";

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

test.each([
  ["53100", "storage.full"],
  ["25006", "database.read_only"],
  ["55P03", "database.busy"],
  ["57014", "request.timeout"],
  ["25P03", "database.unavailable"],
  ["53200", "database.unavailable"],
  ["23505", undefined],
])("SQLSTATE %s means %s", (state, fault) => {
  expect(databaseFaultOf(wrapped(pgError(state)))).toBe(fault);
});

test("a pool without a free connection is busy, one that got none is unavailable", () => {
  expect(databaseFaultOf(new Error("timeout exceeded when trying to connect"))).toBe("database.busy");
  expect(databaseFaultOf(new Error("Connection terminated due to connection timeout"))).toBe(
    "database.unavailable",
  );
});

test("a connection is given up when it broke, may still be waiting, or is read-only, and kept after an ordinary refusal", () => {
  for (const error of [pgError("57P01"), pgError("25006"), new Error("Query read timeout")]) {
    expect(spoilsConnection(error)).toBe(true);
  }
  for (const error of [pgError("23505"), pgError("55P03"), pgError("57014"), new Error("no")]) {
    expect(spoilsConnection(error)).toBe(false);
  }
});
