import { describe, expect, it } from "vitest";
import {
  completeLockfile,
  findMissing,
  findPinnedDownloads,
  type Lockfile,
  platformOf,
} from "./complete-lockfile.ts";

function aLockfile(packages: Lockfile["packages"]): Lockfile {
  return { name: "sample", lockfileVersion: 3, packages };
}

describe("an incomplete lockfile", () => {
  const incomplete = aLockfile({
    "": {},
    "node_modules/tool": {
      version: "2.0.0",
      dev: true,
      optionalDependencies: {
        "@tool/linux-x64-gnu": "2.0.0",
        "@tool/darwin-arm64": "2.0.0",
        "@tool/linux-x64-musl": "2.0.0",
      },
    },
    "node_modules/@tool/linux-x64-gnu": {
      version: "2.0.0",
      dev: true,
      optional: true,
      os: ["linux"],
      cpu: ["x64"],
    },
  });

  it("names every platform package that has no entry", () => {
    expect(findMissing(incomplete)).toEqual([
      { dependent: "node_modules/tool", name: "@tool/darwin-arm64", version: "2.0.0" },
      { dependent: "node_modules/tool", name: "@tool/linux-x64-musl", version: "2.0.0" },
    ]);
  });

  it("is complete after one repair, and a second repair changes nothing", () => {
    const complete = completeLockfile(incomplete);
    expect(findMissing(complete)).toEqual([]);
    expect(JSON.stringify(completeLockfile(complete))).toBe(JSON.stringify(complete));
  });

  it("gets entries that no other platform will install", () => {
    const { packages } = completeLockfile(incomplete);
    expect(packages["node_modules/@tool/darwin-arm64"]).toEqual({
      version: "2.0.0",
      cpu: ["arm64"],
      dev: true,
      optional: true,
      os: ["darwin"],
    });
    expect(packages["node_modules/@tool/linux-x64-musl"]).toMatchObject({ os: ["linux"], libc: ["musl"] });
  });

  it("keeps the entries that were there as they were", () => {
    const complete = completeLockfile(incomplete);
    expect(complete.packages["node_modules/@tool/linux-x64-gnu"]).toEqual(
      incomplete.packages["node_modules/@tool/linux-x64-gnu"],
    );
    expect(complete.lockfileVersion).toBe(3);
  });
});

describe("two versions of one tool", () => {
  const twoVersions = aLockfile({
    "node_modules/tool": { version: "2.0.0", optionalDependencies: { "@tool/win32-x64": "2.0.0" } },
    "node_modules/@tool/win32-x64": { version: "2.0.0", optional: true },
    "node_modules/old": { version: "1.0.0" },
    "node_modules/old/node_modules/tool": {
      version: "1.0.0",
      optionalDependencies: { "@tool/win32-x64": "1.0.0" },
    },
  });

  it("are not mistaken for one another", () => {
    expect(findMissing(twoVersions).map(({ version }) => version)).toEqual(["1.0.0"]);
  });

  it("get the second platform package below its own dependent", () => {
    const { packages } = completeLockfile(twoVersions);
    expect(packages["node_modules/old/node_modules/tool/node_modules/@tool/win32-x64"]?.version).toBe(
      "1.0.0",
    );
    expect(packages["node_modules/@tool/win32-x64"]?.version).toBe("2.0.0");
  });
});

it("a package found further up the tree counts as present", () => {
  const hoisted = aLockfile({
    workers: {},
    "workers/node_modules/tool": { version: "1.0.0", optionalDependencies: { watcher: "^3.1.0" } },
    "node_modules/watcher": { version: "3.2.0", optional: true },
  });
  expect(findMissing(hoisted)).toEqual([]);
});

it("download addresses are reported and removed, workspace links stay", () => {
  const pinned = aLockfile({
    "node_modules/a": {
      version: "1.0.0",
      resolved: "https://mirror.example/a-1.0.0.tgz",
      integrity: "sha512-x",
    },
    "node_modules/b": { resolved: "packages/b", link: true },
  });
  expect(findPinnedDownloads(pinned)).toEqual(["node_modules/a"]);
  expect(completeLockfile(pinned).packages).toEqual({
    "node_modules/a": { version: "1.0.0", integrity: "sha512-x" },
    "node_modules/b": { resolved: "packages/b", link: true },
  });
});

it("a range that names no exact version is not guessed", () => {
  const ranged = aLockfile({
    "node_modules/tool": { version: "1.0.0", optionalDependencies: { "@tool/win32-x64": ">=1 <3" } },
  });
  expect(() => completeLockfile(ranged)).toThrow("no exact version to lock");
});

it.each([
  ["@tool/darwin-arm64", { os: "darwin", cpu: "arm64" }],
  ["@tool/linux-arm-gnueabihf", { os: "linux", cpu: "arm", libc: "glibc" }],
  ["@tool/linux-arm64-musl", { os: "linux", cpu: "arm64", libc: "musl" }],
  ["@tool/win32-x64-msvc", { os: "win32", cpu: "x64" }],
  ["@tool/android-arm-eabi", { os: "android", cpu: "arm" }],
  ["@tool/binding-wasm32-wasi", { cpu: "wasm32" }],
])("the platform of %s is read from its name", (name, platform) => {
  expect(platformOf(name)).toEqual(platform);
});

it("a missing package whose name tells no platform is left to a person", () => {
  expect(() => platformOf("fast-extras")).toThrow("add it by hand");
});
