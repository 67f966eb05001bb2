import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { mergeManifests, stagePackage, withRelativeImports } from "./stage-package.ts";

let root = "";
let target = "";

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function writeManifest(workspace: string, name: string, dependencies: Record<string, string> = {}): void {
  write(`${workspace}/package.json`, JSON.stringify({ name, version: "1.2.3", dependencies }));
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "agentvine-stage-"));
  target = join(root, "staging");
  write(
    "package.json",
    JSON.stringify({ name: "root", version: "1.2.3", license: "Apache-2.0", engines: { node: ">=20.19" } }),
  );
  writeManifest("backend", "@agentvine/backend", { "@agentvine/kit": "1.2.3", zod: "4.0.0" });
  writeManifest("workers", "@agentvine/workers", { ai: "6.0.0", zod: "4.0.0" });
  writeManifest("controller", "@agentvine/controller", { zod: "4.0.0" });
  writeManifest("cli", "@agentvine/cli", { "@agentvine/kit": "1.2.3" });
  writeManifest("packages/kit", "@agentvine/kit");
  write(
    "packages/postgres/package.json",
    JSON.stringify({
      name: "@agentvine/postgres",
      version: "1.2.3",
      optionalDependencies: { "@postgres/linux-x64": "18.0.0" },
    }),
  );
  writeManifest("packages/testkit", "@agentvine/testkit", { vitest: "4.0.0" });
  for (const path of ["backend/src/main.ts", "packages/kit/src/index.ts", "workers/src/main.ts"])
    write(path, "");
  write("cli/src/main.ts", "");
  write("cli/src/main.test.ts", "");
  write("backend/dist/main.js", "");
  write("workers/dist/main.js", "");
  write(
    "cli/dist/main.js",
    'import { name } from "@agentvine/kit";\nconsole.log(name);\n//# sourceMappingURL=main.js.map\n',
  );
  write("cli/dist/main.js.map", "{}");
  write("cli/dist/gone.js", "");
  write("cli/bin/agentvine.js", 'import "../dist/main.js";\n');
  write("cli/bin/build.js", "");
  write("packages/kit/dist/index.js", 'export const name = "kit";\n');
  write("backend/migrations/0000_first.sql", "select 1;\n");
  write("samples/ledger/test/ledger.test.js", "");
  write("LICENSE", "");
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

describe("the staged package", () => {
  it("starts from its own files alone", () => {
    stagePackage(root, target);
    const output = execFileSync(process.execPath, [join(target, "cli/bin/agentvine.js")], {
      encoding: "utf8",
    });
    expect(output).toBe("kit\n");
    expect(statSync(join(target, "cli/bin/agentvine.js")).mode & 0o111).not.toBe(0);
  });

  it("holds migrations, samples and the licence", () => {
    stagePackage(root, target);
    for (const path of [
      "backend/migrations/0000_first.sql",
      "samples/ledger/test/ledger.test.js",
      "LICENSE",
    ]) {
      expect(existsSync(join(target, path)), path).toBe(true);
    }
  });

  it("leaves out the testkit, tests, source maps, build tools and what was compiled from files that are gone", () => {
    stagePackage(root, target);
    const unwanted = [
      "packages/testkit",
      "cli/dist/main.test.js",
      "cli/dist/main.js.map",
      "cli/bin/build.js",
      "cli/dist/gone.js",
    ];
    expect(unwanted.filter((path) => existsSync(join(target, path)))).toEqual([]);
    expect(readFileSync(join(target, "cli/dist/main.js"), "utf8")).not.toContain("sourceMappingURL");
  });

  it("holds nothing of what was staged before", () => {
    write("staging/old.js", "");
    stagePackage(root, target);
    expect(existsSync(join(target, "old.js"))).toBe(false);
  });

  it("is not staged from an incomplete build", () => {
    rmSync(join(root, "workers/dist/main.js"));
    expect(() => stagePackage(root, target)).toThrow("workers/dist/main.js");
  });
});

describe("the manifest", () => {
  it("merges the third-party dependencies of all workspaces", () => {
    expect(mergeManifests(root, ["packages/postgres", "backend", "workers", "cli"])).toEqual({
      name: "agentvine",
      version: "1.2.3",
      description: undefined,
      license: "Apache-2.0",
      type: "module",
      bin: { agentvine: "cli/bin/agentvine.js" },
      engines: { node: ">=20.19" },
      dependencies: { ai: "6.0.0", zod: "4.0.0" },
      optionalDependencies: { "@postgres/linux-x64": "18.0.0" },
    });
  });

  it("is refused when two workspaces want different versions", () => {
    writeManifest("workers", "@agentvine/workers", { zod: "3.0.0" });
    expect(() => mergeManifests(root, ["backend", "workers"])).toThrow(
      "workers wants zod 3.0.0, another workspace 4.0.0",
    );
  });
});

describe("imports of our own packages", () => {
  it.each([
    ['import { a } from "@agentvine/kit";', 'import { a } from "../../packages/kit/dist/index.js";'],
    ['import "@agentvine/kit";', 'import "../../packages/kit/dist/index.js";'],
    [
      "export * from '@agentvine/scripted-model';",
      "export * from '../../packages/scripted-model/dist/index.js';",
    ],
    [
      'const kit = await import("@agentvine/kit");',
      'const kit = await import("../../packages/kit/dist/index.js");',
    ],
    [
      'import {\n  a,\n} from "@agentvine/kit";',
      'import {\n  a,\n} from "../../packages/kit/dist/index.js";',
    ],
    ['const name = "agentvine/kit";', 'const name = "agentvine/kit";'],
  ])("%j become relative", (text, expected) => {
    expect(withRelativeImports(text, "backend/dist/app.js")).toBe(expected);
  });

  it("are relative between packages too", () => {
    const text = withRelativeImports('import "@agentvine/contracts";', "packages/kit/dist/deep/clock.js");
    expect(text).toBe('import "../../../contracts/dist/index.js";');
  });

  it("that cannot be rewritten are refused", () => {
    const text = 'const path = require.resolve("@agentvine/kit");';
    expect(() => withRelativeImports(text, "backend/dist/app.js")).toThrow("cannot be resolved");
  });
});
