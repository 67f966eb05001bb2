import { AppError } from "@agentvine/kit";
import { describe, expect, it } from "vitest";
import { serverError } from "./cluster.ts";
import { directoryError } from "./directory-error.ts";

const failure = (code: string): Error => Object.assign(new Error(`${code}: words of the system`), { code });

describe("directoryError", () => {
  it.each([
    ["ENOSPC", "storage.full", "The disk that holds /d is full."],
    ["EDQUOT", "storage.full", "The disk that holds /d is full."],
    ["EROFS", "home.unusable", "The directory /d can't be used: the file system is read-only."],
    ["EACCES", "home.unusable", "The directory /d can't be used: permission denied."],
    ["EIO", "home.unusable", "The directory /d can't be used: EIO: words of the system."],
  ])("turns %s into %s with one clear line", (code, expected, message) => {
    const cause = failure(code);
    expect(directoryError(cause, "/d")).toMatchObject({ code: expected, message, cause });
  });

  it("keeps an error that is clear already", () => {
    const error = new AppError("config.invalid", "x");
    expect(directoryError(error, "/d")).toBe(error);
  });
});

describe("serverError", () => {
  it.each([
    ["PANIC:  could not write: No space left on device", "storage.full", "The disk that holds /d is full."],
    [
      'FATAL:  could not extend file "base/1/2689": wrote only 4096 of 8192 bytes\nHINT:  Check free disk space.',
      "storage.full",
      "The disk that holds /d is full.",
    ],
    [
      "x\n2026 [1] FATAL:  data directory has wrong ownership\nHINT: y",
      "postgres.start_failed",
      "No: data directory has wrong ownership",
    ],
    [
      'initdb: error: could not access directory "/d": Permission denied',
      "home.unusable",
      'No: could not access directory "/d": Permission denied',
    ],
    ["only words\n", "postgres.start_failed", "No: only words"],
    ["", "postgres.start_failed", "No: it gave no reason"],
  ])("finds the reason in %j", (output, code, message) => {
    expect(serverError(output, "/d", "No")).toMatchObject({
      code,
      message,
      ...(output && code !== "x" ? { detail: output } : {}),
    });
  });
});
