import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { endpoints } from "@agentvine/contracts";
import { startBackend, tempDir } from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCommand } from "../testing/run-command.ts";

const password = "seven quiet lighthouses";
let folder: Awaited<ReturnType<typeof tempDir>>;
let backend: Awaited<ReturnType<typeof startBackend>>;

beforeAll(async () => {
  folder = await tempDir();
  backend = await startBackend({ env: { AGENTVINE_ACCOUNTS: "invite" } });
});
afterAll(async () => {
  await backend?.stop();
  await folder[Symbol.asyncDispose]();
});

/** Runs a command as somebody with a data directory of their own. */
const run = (who: string, args: readonly string[], stdin = "") =>
  runCommand({ home: join(folder.path, who), serverUrl: backend.url }, args, { stdin });
const statusWith = async (token: string) =>
  (
    await fetch(`${backend.url}${endpoints.tasks.list.path}`, {
      headers: { authorization: `Bearer ${token}` },
    })
  ).status;

describe("agentvine with accounts", () => {
  it("makes the first administrator by the printed link, with the password from standard input", async () => {
    const link = backend.setUpUrl ?? "";
    expect(link).toContain("/set-up#token=avo_");
    const names = ["--username", "Ada", "--email", "ada@example.org"];
    const weak = await run("ada", ["account", "set-up", link, ...names], "password1234\n");
    expect([weak.code, weak.stderr]).toEqual([2, expect.stringMatching(/password.*tried first/)]);
    const none = await run("ada", ["account", "set-up", link, ...names]);
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining("no password")]);
    const made = await run("ada", ["account", "set-up", link, ...names], `${password}\n`);
    expect([made.code, made.stdout]).toEqual([0, expect.stringContaining("ada is the first administrator")]);
    const again = await run("ada", ["account", "set-up", link, ...names], `${password}\n`);
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining("link.invalid")]);
  });

  it("signs in with a key of one's own that only its owner can read, and signs out by revoking it", async () => {
    const wrong = await run("ada", ["login", "ada"], "not the right password\n");
    expect([wrong.code, wrong.stderr]).toEqual([6, expect.stringContaining("auth.credentials_invalid")]);
    const { code, stdout, stderr } = await run("ada", ["login", "ada"], `${password}\n`);
    expect([code, stdout]).toEqual([0, expect.stringContaining("as ada (admin)")]);
    expect(stdout + stderr).not.toMatch(/avk_|lighthouses/);
    const file = join(folder.path, "ada", "login.json");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const { key } = JSON.parse(await readFile(file, "utf8")) as { key: string };
    expect((await run("ada", ["task", "list"])).code).toBe(0);
    // Signing in again leaves one key.
    await run("ada", ["login", "ada@example.org"], `${password}\n`);
    expect(await statusWith(key)).toBe(401);
    const keys = await run("ada", ["key", "list", "--json"]);
    const own = (JSON.parse(keys.stdout) as { items: { name: string }[] }).items.filter(({ name }) =>
      name.startsWith("command line on"),
    );
    expect(own).toHaveLength(1);
    expect((await run("ada", ["logout"])).stdout).toBe("signed out\n");
    expect((await run("ada", ["task", "list"])).stderr).toContain("auth.required");
    await expect(stat(file)).rejects.toThrow("ENOENT");
  });

  it("invites, gives roles, disables and resets, by name", async () => {
    await run("ada", ["login", "ada"], `${password}\n`);
    const unasked = await run("ada", ["user", "invite", "grace@example.org"]);
    expect([unasked.code, unasked.stderr]).toEqual([2, expect.stringContaining("no password")]);
    const invited = await run(
      "ada",
      ["user", "invite", "grace@example.org", "--role", "viewer"],
      `${password}\n`,
    );
    expect(invited.stderr).toContain("hand this link over yourself");
    const link = invited.stdout.trim();
    const registered = await run(
      "grace",
      ["account", "register", link, "--username", "grace"],
      `${password}\n`,
    );
    expect([registered.code, registered.stdout]).toEqual([
      0,
      expect.stringContaining("agentvine login grace"),
    ]);
    expect((await run("grace", ["account", "verify-email", link])).stderr).toContain("link.invalid");
    expect((await run("grace", ["account", "verify-email", "nothing"])).code).toBe(2);
    const list = await run("ada", ["user", "list"]);
    expect(list.stdout).toMatch(/grace +grace@example.org +viewer +active/);
    expect((await run("ada", ["user", "role", "grace", "developer"], `${password}\n`)).stdout).toBe(
      "grace is developer, active\n",
    );
    expect((await run("ada", ["user", "role", "grace", "king"], `${password}\n`)).code).toBe(2);
    expect((await run("ada", ["user", "disable", "grace@example.org"], `${password}\n`)).stdout).toBe(
      "grace is developer, disabled\n",
    );
    expect((await run("grace", ["login", "grace"], `${password}\n`)).stderr).toContain("auth.disabled");
    await run("ada", ["user", "enable", "grace"], `${password}\n`);
    const reset = (await run("ada", ["user", "reset", "grace"], `${password}\n`)).stdout.trim();
    expect(reset).toContain("/reset-password#token=avo_");
    const set = await run("grace", ["account", "reset-password", reset], "eight noisy lighthouses\n");
    expect([set.code, set.stdout]).toEqual([0, expect.stringContaining("all sessions")]);
    expect((await run("grace", ["login", "grace"], "eight noisy lighthouses\n")).code).toBe(0);
    expect((await run("ada", ["user", "disable", "ada"], `${password}\n`)).stderr).toContain(
      "user.last_admin",
    );
    expect((await run("ada", ["user", "disable", "nobody"], `${password}\n`)).stderr).toContain(
      "user.not_found",
    );
  });

  it("who operates the machine lets an administrator in again by the token file, and sees no task", async () => {
    const operator = { serverUrl: backend.url, token: backend.token };
    const { stdout } = await runCommand(operator, ["user", "reset", "ada"], {});
    expect(stdout).toContain("/reset-password#token=");
    expect((await runCommand(operator, ["task", "list"], {})).stderr).toContain("auth.forbidden");
  });
});
