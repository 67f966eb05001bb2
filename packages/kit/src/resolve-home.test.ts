import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { AppError } from "./app-error.ts";
import { resolveHome } from "./resolve-home.ts";

const dir = mkdtempSync(join(tmpdir(), "av-home-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const account = join(dir, "account");
const accountHome = (): string => account;

describe("resolveHome", () => {
  it("prefers AGENTVINE_HOME and makes it absolute", () => {
    expect(resolveHome({ AGENTVINE_HOME: "/srv/av", HOME: dir })).toBe("/srv/av");
    expect(resolveHome({ AGENTVINE_HOME: "rel" })).toBe(join(process.cwd(), "rel"));
  });

  it("uses a HOME that exists or can be made", () => {
    expect(resolveHome({ HOME: dir }, { accountHome })).toBe(join(dir, ".agentvine"));
    expect(resolveHome({ HOME: join(dir, "new", "home") }, { accountHome })).toBe(
      join(dir, "new/home/.agentvine"),
    );
  });

  it.each([
    ["unset", undefined],
    ["empty", ""],
    ["relative", "home"],
    ["a file", join(dir, "file")],
    ["below a file", join(dir, "file", "x")],
    ["impossible", "/dev/null/here"],
  ])("falls back to the account home when HOME is %s", (_, HOME) => {
    writeFileSync(join(dir, "file"), "");
    expect(resolveHome({ HOME }, { accountHome })).toBe(join(account, ".agentvine"));
  });

  it("does not take a HOME whose .agentvine cannot be a directory", () => {
    const home = join(dir, "taken");
    mkdirSync(home);
    writeFileSync(join(home, ".agentvine"), "");
    expect(resolveHome({ HOME: home }, { accountHome })).toBe(join(account, ".agentvine"));
  });

  it("asks for AGENTVINE_HOME when no place is usable", () => {
    const withoutAccount = (): string => {
      throw new Error("no such user");
    };
    for (const home of [() => "/dev/null/x", withoutAccount]) {
      const call = () => resolveHome({}, { accountHome: home });
      expect(call).toThrow(AppError);
      expect(call).toThrow(/AGENTVINE_HOME/);
    }
  });

  it("asks the account database by default", () => {
    expect(resolveHome({})).toMatch(/\.agentvine$/);
  });
});
