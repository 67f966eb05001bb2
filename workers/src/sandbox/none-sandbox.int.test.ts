import { execFileSync } from "node:child_process";
import { mkdir, readFile, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isAppError, newId } from "@agentvine/kit";
import { listProcessesWithEnv, useTempDir, waitUntil } from "@agentvine/testkit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Sandbox, SandboxCommand } from "./sandbox.ts";
import { createSandboxFactory } from "./sandbox-factory.ts";
import { mountTinyDisk } from "./testing/tiny-disk.ts";
import { watchDisk } from "./watch-disk.ts";

const dir = useTempDir();
let sandbox: Sandbox;
let executionId: string;
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

beforeEach(async () => {
  executionId = newId();
  sandbox = await open();
});
afterEach(async () => {
  await sandbox.close();
});

async function open(): Promise<Sandbox> {
  const [workspaceDir, homeDir, tempDir] = ["ws", "home", "tmp"].map((name) => join(dir(), name)) as [
    string,
    string,
    string,
  ];
  await Promise.all([workspaceDir, homeDir, tempDir].map((path) => mkdir(path, { recursive: true })));
  const factory = createSandboxFactory("none", { acceptNoSandbox: true });
  return await factory.open({ workspaceDir, homeDir, tempDir, executionId, env: { EXTRA: "1" } });
}

const run = (argv: [string, ...string[]], more: Partial<SandboxCommand> = {}) =>
  sandbox.run({ argv, timeoutMs: 10_000, outputBytesMax: 10_000, ...more });
const sh = (script: string, more: Partial<SandboxCommand> = {}) => run(["/bin/sh", "-c", script], more);

async function expectRefused(work: Promise<unknown>): Promise<void> {
  await expect(work).rejects.toSatisfy((error) => isAppError(error, "sandbox.failed"));
}

describe("a command in the sandbox", () => {
  it("starts in the workspace and knows itself to be unconfined", async () => {
    expect((await run(["pwd"])).stdout.trim()).toBe(sandbox.workspacePath);
    expect(sandbox).toMatchObject({ driver: "none", isConfined: false });
  });

  it("sees a small clean environment and nothing of the worker's", async () => {
    process.env.ANTHROPIC_API_KEY = "planted-key";
    try {
      const { stdout } = await run(["env"], { env: { MORE: "2" } });
      const entries = Object.fromEntries(
        stdout
          .trim()
          .split("\n")
          .map((line) => line.split("=", 2)),
      );
      expect(entries).toMatchObject({
        HOME: join(dir(), "home"),
        TMPDIR: join(dir(), "tmp"),
        LANG: "C.UTF-8",
        TERM: "dumb",
        CI: "1",
        EXTRA: "1",
        MORE: "2",
        AGENTVINE_EXECUTION_ID: executionId,
      });
      expect(entries.PATH?.split(":")).toContain(dirname(process.execPath));
      expect(stdout).not.toContain("planted-key");
    } finally {
      delete process.env.ANTHROPIC_API_KEY;
    }
  });

  it("may start in a folder of the workspace, never outside of it", async () => {
    await mkdir(join(dir(), "ws/sub"));
    await symlink("/", join(dir(), "ws/out"));
    expect((await run(["pwd"], { cwd: "sub" })).stdout.trim()).toBe(join(sandbox.workspacePath, "sub"));
    for (const cwd of ["..", "/", "sub/../..", "out", "missing"]) {
      await expectRefused(run(["pwd"], { cwd }));
    }
  });

  it("can't run once the sandbox is closed", async () => {
    await sandbox.close();
    expect(await run(["true"])).toMatchObject({ endedBy: "abort" });
  });

  it("finds no repository above the workspace", async () => {
    execFileSync("git", ["init", "--quiet", dir()]);
    expect((await run(["git", "rev-parse", "--git-dir"])).exitCode).toBe(128);
  });

  it("ends as data when the agent deleted the whole workspace", async () => {
    await sh('rm -rf "$PWD"');
    expect(await run(["true"])).toMatchObject({ endedBy: "spawn_error" });
    await expectRefused(sandbox.readFile("a", 10));
  });
});

describe("closing", () => {
  it("kills everything that was started, in whatever session, and returns once it is gone", async () => {
    const running = sh("trap '' TERM; setsid nohup sleep 60 >/dev/null 2>&1 & sleep 60");
    const tag = `AGENTVINE_EXECUTION_ID=${executionId}`;
    await waitUntil(() => listProcessesWithEnv(tag).length >= 3);
    await sandbox.close();
    expect(listProcessesWithEnv(tag)).toEqual([]);
    expect((await running).exitCode).toBeNull();
    await sandbox.close();
  });

  it("leaves another sandbox of the same execution alone", async () => {
    const other = await open();
    const running = other.run({ argv: ["sleep", "30"], timeoutMs: 40_000, outputBytesMax: 100 });
    await waitUntil(() => listProcessesWithEnv(`AGENTVINE_EXECUTION_ID=${executionId}`).length === 1);
    await sandbox.close();
    expect(listProcessesWithEnv(`AGENTVINE_EXECUTION_ID=${executionId}`)).toHaveLength(1);
    await other.close();
    await running;
  });
});

describe("reading a file", () => {
  it("gives bytes as they are, the whole size, and no more than asked for", async () => {
    const bytes = Uint8Array.from({ length: 300 }, (_, index) => index % 256);
    await writeFile(join(dir(), "ws/binary"), bytes);
    expect(await sandbox.readFile("binary", 1_000)).toEqual({ bytes, sizeBytes: 300, isTruncated: false });
    expect(await sandbox.readFile("binary", 10)).toEqual({
      bytes: bytes.subarray(0, 10),
      sizeBytes: 300,
      isTruncated: true,
    });
    await writeFile(join(dir(), "ws/empty"), "");
    expect(await sandbox.readFile("empty", 10)).toMatchObject({ sizeBytes: 0, isTruncated: false });
  });

  it("takes names that look like options, hold spaces or metacharacters, and absolute paths inside", async () => {
    for (const name of ["-n", "--help", "a b", "$(touch x)", "a;b", "ü", "new\nline", "%s"]) {
      await sandbox.writeFile(name, name);
      expect(text((await sandbox.readFile(name, 100)).bytes)).toBe(name);
    }
    expect(text((await sandbox.readFile(join(sandbox.workspacePath, "a b"), 100)).bytes)).toBe("a b");
    await expect(stat(join(dir(), "ws/x"))).rejects.toThrow("ENOENT");
  });

  it("refuses everything that leads outside or is no regular file, and hangs on none of it", async () => {
    await writeFile(join(dir(), "secret"), "key");
    await mkdir(join(dir(), "ws-other"));
    await writeFile(join(dir(), "ws-other/secret"), "key");
    await mkdir(join(dir(), "ws/sub"));
    await symlink("../secret", join(dir(), "ws/link"));
    await symlink("../ws-other", join(dir(), "ws/folder-link"));
    await symlink("loop", join(dir(), "ws/loop"));
    await symlink("/dev/zero", join(dir(), "ws/zero"));
    execFileSync("mkfifo", [join(dir(), "ws/fifo")]);
    for (const path of [
      "../secret",
      "sub/../../secret",
      "/etc/passwd",
      join(dir(), "secret"),
      join(dir(), "ws-other/secret"),
      "",
      "a\u0000b",
      ".",
      "sub",
      "missing",
      "link",
      "folder-link/secret",
      "loop",
      "zero",
      "fifo",
    ]) {
      await expectRefused(sandbox.readFile(path, 100));
    }
  });

  it("notices a workspace that was replaced by a link", async () => {
    await writeFile(join(dir(), "secret"), "key");
    await sh(`rm -rf "$PWD" && ln -s ${dir()} "$PWD"`);
    await expectRefused(sandbox.readFile("secret", 100));
    await expectRefused(sandbox.writeFile("planted", "x"));
  });

  it("gives the head of a huge sparse file at once", async () => {
    await writeFile(join(dir(), "ws/huge"), "head");
    await truncate(join(dir(), "ws/huge"), 5_000_000_000);
    const file = await sandbox.readFile("huge", 4);
    expect(text(file.bytes)).toBe("head");
    expect(file).toMatchObject({ sizeBytes: 5_000_000_000, isTruncated: true });
  });

  it("follows a link that stays inside", async () => {
    await writeFile(join(dir(), "ws/real"), "here");
    await symlink("real", join(dir(), "ws/link"));
    expect(text((await sandbox.readFile("link", 10)).bytes)).toBe("here");
  });
});

describe("writing a file", () => {
  it("makes missing folders and keeps the mode of a file that is there", async () => {
    await sandbox.writeFile("a/b/c.txt", "one");
    await writeFile(join(dir(), "ws/tool"), "#!/bin/sh\n", { mode: 0o755 });
    await sandbox.writeFile("tool", Buffer.from("#!/bin/sh\necho 2\n"));
    expect(await readFile(join(dir(), "ws/a/b/c.txt"), "utf8")).toBe("one");
    expect((await stat(join(dir(), "ws/tool"))).mode & 0o777).toBe(0o755);
  });

  it("takes megabytes and every byte", async () => {
    const bytes = Uint8Array.from({ length: 3_000_000 }, (_, index) => index % 251);
    await sandbox.writeFile("big", bytes);
    expect((await readFile(join(dir(), "ws/big"))).equals(bytes)).toBe(true);
  });

  it("refuses everything that leads outside or is no regular file, and makes nothing there", async () => {
    await mkdir(join(dir(), "target"));
    await mkdir(join(dir(), "ws/sub"));
    await symlink("../target", join(dir(), "ws/folder-link"));
    await symlink("../target/new", join(dir(), "ws/dangling"));
    await symlink("/dev/full", join(dir(), "ws/device"));
    execFileSync("mkfifo", [join(dir(), "ws/fifo")]);
    for (const path of [
      "../x",
      "/tmp/agentvine-x",
      ".",
      "sub",
      "folder-link/x",
      "folder-link/deep/er/x",
      "dangling",
      "dangling/x",
      "device",
      "fifo",
    ]) {
      await expectRefused(sandbox.writeFile(path, "x"));
    }
    expect(execFileSync("ls", ["-A", join(dir(), "target")]).toString()).toBe("");
  });

  it("says that the disk is full", async (context) => {
    await using disk = await mountTinyDisk();
    if (disk.directory === null) {
      context.skip("no small file system can be mounted here");
      return;
    }
    const factory = createSandboxFactory("none", { acceptNoSandbox: true });
    const full = await factory.open({
      workspaceDir: disk.directory,
      homeDir: dir(),
      tempDir: dir(),
      executionId,
    });
    await expect(full.writeFile("big", Buffer.alloc(3_000_000))).rejects.toSatisfy((error) =>
      isAppError(error, "storage.full"),
    );
    await full.close();
  });
});

describe("the disk watch", () => {
  it("aborts with the reason when the workspace grows past its limit", async () => {
    const watch = watchDisk(sandbox, { bytesMax: 1_000_000, intervalMs: 20 });
    const result = await sh("head -c 3000000 /dev/zero > big; sleep 60", {
      signal: watch.signal,
      graceMs: 50,
    });
    expect(result.endedBy).toBe("abort");
    expect(isAppError(watch.signal.reason, "workspace.too_large")).toBe(true);
    watch.stop();
  });

  it("counts what is written to the home and the temporary directory too", async () => {
    const before = await sandbox.diskUsageBytes();
    await sh('head -c 1000000 /dev/zero > "$HOME/x"; head -c 1000000 /dev/zero > "$TMPDIR/x"');
    expect((await sandbox.diskUsageBytes()) - before).toBeGreaterThan(1_900_000);
  });

  it("ends quietly when stopped", async () => {
    const outer = new AbortController();
    const watch = watchDisk(sandbox, { bytesMax: 1, intervalMs: 10_000, signal: outer.signal });
    outer.abort();
    watch.stop();
    await sandbox.diskUsageBytes();
    expect(watch.signal.aborted).toBe(false);
  });

  it("goes on when a measurement fails", async () => {
    let measurements = 0;
    const failing: Sandbox = {
      ...sandbox,
      diskUsageBytes: async () => {
        measurements += 1;
        if (measurements < 3) {
          throw new Error("du failed");
        }
        return 2;
      },
    };
    const watch = watchDisk(failing, { bytesMax: 1, intervalMs: 1 });
    await waitUntil(() => watch.signal.aborted);
    expect(measurements).toBe(3);
  });

  it("fails clearly when the size can't be measured at all", async () => {
    await sandbox.close();
    await expectRefused(sandbox.diskUsageBytes());
  });
});
