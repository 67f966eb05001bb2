import { ApiError } from "@agentvine/client";
import { AppError } from "@agentvine/kit";
import { describe, expect, it } from "vitest";
import { errorText, exitCodeOf, exitCodes } from "./exit-code.ts";

describe("exitCodeOf", () => {
  it.each([
    [new AppError("command.usage", "x"), exitCodes.usage],
    [new ApiError("request.invalid", "x"), exitCodes.usage],
    [new ApiError("server.unreachable", "x"), exitCodes.unavailable],
    [new ApiError("task.not_found", "x"), exitCodes.notFound],
    [new ApiError("task.illegal_transition", "x"), exitCodes.conflict],
    [new ApiError("auth.required", "x"), exitCodes.forbidden],
    [new ApiError("auth.forbidden", "x"), exitCodes.forbidden],
    [new ApiError("request.rate_limited", "x"), exitCodes.unavailable],
    [new ApiError("request.too_large", "x"), exitCodes.usage],
    [new ApiError("execution.log_offset", "x"), exitCodes.failed],
    [new Error("x"), exitCodes.failed],
    ["x", exitCodes.failed],
  ])("gives %o the code %d", (error, expected) => {
    expect(exitCodeOf(error)).toBe(expected);
  });
});

describe("errorText", () => {
  it("says message, code and remedy", () => {
    expect(errorText(new ApiError("server.unreachable", "nobody answers"))).toBe(
      "agentvine: nobody answers (server.unreachable)\n  → Start it with `agentvine up`.",
    );
  });

  it("names every field at fault", () => {
    const issues = [
      { path: "title", message: "must not be empty" },
      { path: "", message: "give either repositoryUrl or repositoryId" },
    ];
    expect(errorText(new ApiError("request.invalid", "2 fields are not valid", { issues }))).toBe(
      "agentvine: 2 fields are not valid (request.invalid)\n  title: must not be empty\n  body: give either repositoryUrl or repositoryId",
    );
  });

  it("shows no stack of an unexpected error", () => {
    expect(errorText(new Error("boom"))).toBe("agentvine: boom (internal.unexpected)");
    expect(errorText("boom")).toBe("agentvine: boom (internal.unexpected)");
  });
});
