import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { useTempDir } from "@agentvine/testkit";
import { describe, expect, it } from "vitest";
import { canEnter, resolveClusterDir } from "./cluster-directory.ts";

const dir = useTempDir();
const account = { name: "nobody", uid: 65534, gid: 65534 };
const asRoot = () => ({ account, systemDirectory: join(dir(), "var", "agentvine") });
const asUser = () => ({ ...asRoot(), account: null });

describe("resolveClusterDir", () => {
  it("is inside the home of a normal user, whatever its mode", () => {
    const home = join(dir(), "new", "home");
    expect(resolveClusterDir(home, { account: null, systemDirectory: "/nowhere" })).toBe(
      join(home, "postgres"),
    );
    expect(statSync(home).mode & 0o777).toBe(0o700);
  });

  it("is inside a home of root that the server's account can enter", () => {
    chmodSync(dir(), 0o755);
    const home = join(dir(), "open");
    mkdirSync(home);
    chmodSync(home, 0o755);
    const expected = canEnter(dir(), account)
      ? join(home, "postgres")
      : expect.stringContaining("/var/agentvine/");
    expect(resolveClusterDir(home, asRoot())).toEqual(expected);
  });

  it("is outside a private home of root, the same at every start, and moves with the home", () => {
    const home = join(dir(), "private");
    const first = resolveClusterDir(home, asRoot());
    expect(first.startsWith(join(dir(), "var", "agentvine", "clusters"))).toBe(true);
    expect(statSync(join(first, "..")).mode & 0o777).toBe(0o755);
    expect(readFileSync(join(first, "..", "home"), "utf8")).toBe(`${home}\n`);
    expect(resolveClusterDir(home, asRoot())).toBe(first);
    renameSync(home, join(dir(), "moved"));
    expect(resolveClusterDir(join(dir(), "moved"), asRoot())).toBe(first);
  });

  it("starts afresh for a home that was deleted, and differs between homes", () => {
    const home = join(dir(), "private");
    const first = resolveClusterDir(home, asRoot());
    rmSync(home, { recursive: true });
    expect(resolveClusterDir(home, asRoot())).not.toBe(first);
    expect(resolveClusterDir(join(dir(), "other"), asRoot())).not.toBe(first);
  });

  it("stays where a cluster is already", () => {
    const home = join(dir(), "private");
    mkdirSync(join(home, "postgres"), { recursive: true, mode: 0o700 });
    writeFileSync(join(home, "postgres", "PG_VERSION"), "18\n");
    expect(resolveClusterDir(home, asRoot())).toBe(join(home, "postgres"));
    expect(existsSync(join(dir(), "var"))).toBe(false);
  });

  it("says in one line that the home can't be made", () => {
    writeFileSync(join(dir(), "file"), "");
    expect(() => resolveClusterDir(join(dir(), "file", "home"), asUser())).toThrow(
      `The directory ${join(dir(), "file", "home")} can't be used: a part of the path is not a directory.`,
    );
  });
});

describe("canEnter", () => {
  it("looks at the bit that is for the account: owner, group or others", () => {
    const own = { name: "self", uid: statSync(dir()).uid, gid: 1 };
    chmodSync(dir(), 0o077);
    expect(canEnter(dir(), own)).toBe(false);
    chmodSync(dir(), 0o711);
    const group = { name: "group", uid: 12345, gid: statSync(dir()).gid };
    expect(canEnter(dir(), group)).toBe(canEnter(join(dir(), ".."), group));
    chmodSync(dir(), 0o701);
    expect(canEnter(dir(), group)).toBe(false);
  });
});
