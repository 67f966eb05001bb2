import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { useTempDir } from "@agentvine/testkit";
import { beforeEach, describe, expect, it, vi } from "vitest";

// Compilers and linters are started: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000 });

const repository = join(import.meta.dirname, "../..");
const tempDir = useTempDir();

const mainThatReturns = (code: number) =>
  `export function main(args: string[]): Promise<number> {\n  process.stdout.write(args.join(" "));\n  return Promise.resolve(${code});\n}\n`;

function write(path: string, text: string): void {
  mkdirSync(dirname(join(tempDir(), path)), { recursive: true });
  writeFileSync(join(tempDir(), path), text);
}

/** A checkout with the real launcher and compiler and one small source file per program. */
function createCheckout(): void {
  cpSync(join(repository, "cli/bin"), join(tempDir(), "cli/bin"), { recursive: true });
  write("package.json", '{ "type": "module" }');
  mkdirSync(join(tempDir(), "packages"));
  symlinkSync(join(repository, "node_modules"), join(tempDir(), "node_modules"));
  cpSync(join(repository, "tsconfig.base.json"), join(tempDir(), "tsconfig.base.json"));
  for (const program of ["backend", "workers", "controller", "cli"]) {
    write(
      `${program}/tsconfig.json`,
      '{ "extends": "../tsconfig.base.json", "compilerOptions": { "rootDir": "src", "outDir": "dist" }, "include": ["src"] }',
    );
    write(`${program}/src/main.ts`, "export {};\n");
  }
  write("workers/src/executor-main.ts", "export {};\n");
  write("workers/src/relay-main.ts", "export {};\n");
  write("cli/src/main.ts", mainThatReturns(0));
}

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

function launch(argv: string[] = [], nodeArgv: string[] = []): Promise<Ended> {
  const child: ChildProcess = spawn(process.execPath, [
    ...nodeArgv,
    join(tempDir(), "cli/bin/agentvine.js"),
    ...argv,
  ]);
  let [stdout, stderr] = ["", ""];
  child.stdout?.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on("data", (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

describe("the launcher in a checkout", () => {
  beforeEach(createCheckout);

  it("builds before the first start, hands over the arguments and ends with main's exit code", async () => {
    write("cli/src/main.ts", mainThatReturns(7));
    expect(await launch(["task", "list"])).toEqual({
      code: 7,
      stdout: "task list",
      stderr: "agentvine: building…\n",
    });
  });

  it("builds again only when a source has changed", async () => {
    await launch();
    expect((await launch()).stderr).toBe("");
    write("workers/src/main.ts", "export const changed = 1;\n");
    expect((await launch()).stderr).toContain("building");
    expect((await launch()).stderr).toBe("");
  });

  it("builds what somebody deleted", async () => {
    await launch();
    rmSync(join(tempDir(), "workers/dist/main.js"));
    expect((await launch()).stderr).toContain("building");
    expect(existsSync(join(tempDir(), "workers/dist/main.js"))).toBe(true);
  });

  it("builds once when several start at the same time", async () => {
    const ended = await Promise.all([1, 2, 3, 4].map((index) => launch([`start-${index}`])));
    expect(ended.map(({ code, stdout }) => `${code} ${stdout}`)).toEqual([
      "0 start-1",
      "0 start-2",
      "0 start-3",
      "0 start-4",
    ]);
    expect(ended.filter(({ stderr }) => stderr.includes("building"))).toHaveLength(1);
  });

  it("is not held up by the lock of a builder that died", async () => {
    write("cli/dist/.build-lock", "999999999");
    expect(await launch()).toMatchObject({ code: 0 });
    write("cli/dist/.build-lock", "");
    write("cli/src/main.ts", mainThatReturns(4));
    expect(await launch()).toMatchObject({ code: 4 });
    expect(existsSync(join(tempDir(), "cli/dist/.build-lock"))).toBe(false);
  });

  it("says what the compiler said when the sources are wrong", async () => {
    write("backend/src/main.ts", 'export const port: number = "none";\n');
    const { code, stderr } = await launch();
    expect(code).toBe(1);
    expect(stderr).toContain("agentvine: the build failed");
    expect(stderr).toContain("backend/src/main.ts");
  });

  it("says so when the dependencies are not installed", async () => {
    rmSync(join(tempDir(), "node_modules"));
    const { code, stderr } = await launch();
    expect(code).toBe(1);
    expect(stderr).toContain("run npm ci");
  });

  // The superuser may write everywhere.
  it.skipIf(process.getuid?.() === 0)("uses the last build when this user may not write", async () => {
    await launch();
    write("backend/src/main.ts", "export const changed = 1;\n");
    chmodSync(join(tempDir(), "cli/dist"), 0o500);
    const { code, stderr } = await launch();
    chmodSync(join(tempDir(), "cli/dist"), 0o700);
    expect({ code, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("using the last build"),
    });
  });
});

describe("the launcher in an installed package", () => {
  beforeEach(() => {
    cpSync(join(repository, "cli/bin/agentvine.js"), join(tempDir(), "cli/bin/agentvine.js"));
    write("package.json", '{ "type": "module" }');
    write("cli/dist/main.js", "export const main = async (args) => args.length;\n");
  });

  it("starts without building", async () => {
    expect(await launch(["a", "b"])).toEqual({ code: 2, stdout: "", stderr: "" });
  });

  it("refuses a Node.js that is too old, and names the one that is needed", async () => {
    write("old-node.cjs", 'Object.defineProperty(process.versions, "node", { value: "20.18.3" });\n');
    const { code, stderr } = await launch([], ["--require", join(tempDir(), "old-node.cjs")]);
    expect(code).toBe(1);
    expect(stderr).toContain("needs Node.js 20.19 or newer, this is 20.18.3");
  });
});

it("npm run build compiles every program of the checkout", async () => {
  createCheckout();
  const child = spawn(process.execPath, [join(tempDir(), "cli/bin/build.js")]);
  expect(await new Promise((resolve) => child.on("close", resolve))).toBe(0);
  expect(readFileSync(join(tempDir(), "cli/dist/main.js"), "utf8")).toContain("function main");
});
