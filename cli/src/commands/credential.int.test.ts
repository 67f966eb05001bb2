import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "@agentvine/client";
import { type Credential, endpoints } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { startBackend, tempDir } from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCommand } from "../testing/run-command.ts";

let folder: Awaited<ReturnType<typeof tempDir>>;
let backend: Awaited<ReturnType<typeof startBackend>>;
const url = "https://git.example.org/acme/shop.git";

beforeAll(async () => {
  folder = await tempDir();
  backend = await startBackend();
  const client = createClient({ baseUrl: backend.url, token: backend.token });
  await client.call(endpoints.repositories.create, { body: { url } });
  await client.call(endpoints.repositories.create, {
    body: { url: "https://git.example.org/other/shop.git" },
  });
});
afterAll(async () => {
  await backend?.stop();
  await folder[Symbol.asyncDispose]();
});

const run = (args: string[], stdin = "") =>
  runCommand({ serverUrl: backend.url, token: backend.token }, args, { stdin });
const credentials = async (): Promise<Credential[]> =>
  JSON.parse((await run(["credential", "list", "--json"])).stdout).items;
const file = async (text: string) => {
  const path = join(folder.path, newId());
  await writeFile(path, text, { mode: 0o600 });
  return path;
};

describe("agentvine credential", () => {
  it("stores a token from standard input, lists it without its value, replaces and removes it", async () => {
    const value = `token-${newId()}`;
    const added = await run(["credential", "add", "--host", "Git.Example.org"], `${value}\n`);
    expect([added.code, added.stdout]).toEqual([
      0,
      expect.stringMatching(/^stored \S+ for git\.example\.org\n$/),
    ]);
    const again = await run(["credential", "add", "--host", "git.example.org"], value);
    expect([again.code, again.stderr]).toEqual([5, expect.stringContaining("credential.exists")]);
    const replace = ["credential", "add", "--host", "git.example.org", "--replace", "--username", "bot"];
    expect((await run(replace, "another-token")).code).toBe(0);
    const list = await run(["credential", "list"]);
    expect(list.stdout).toMatch(/token +git\.example\.org +bot +never/);
    const [{ id } = { id: "" }] = await credentials();
    for (const { stdout, stderr } of [added, again, list]) expect(stdout + stderr).not.toContain(value);
    expect((await run(["credential", "remove", id.slice(-8)])).stdout).toBe(`removed ${id}\n`);
    expect((await run(["credential", "list"])).stdout).toBe("there is no credential\n");
  });

  it("stores an SSH key from its file for one repository, by address, with the host's keys", async () => {
    const key = join(folder.path, "id");
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
    const hosts = await file(`git.example.org ${readFileSync(`${key}.pub`, "utf8")}`);
    const added = await run([
      ...["credential", "add", "--repository", url, "--ssh-key", key, "--known-hosts", hosts, "--json"],
    ]);
    const credential: Credential = JSON.parse(added.stdout);
    expect(credential).toMatchObject({ kind: "ssh_key", knownHosts: readFileSync(hosts, "utf8") });
    expect((await run(["credential", "list"])).stdout).toContain(url);
    await run(["credential", "remove", credential.id]);
  });

  it.each([
    [["add"], 2, "say either --host or --repository"],
    [["add", "--host", "a.org", "--repository", "b"], 2, "say either --host or --repository"],
    [["add", "--host", "a.org"], 2, "nothing was given for the token"],
    [["add", "--host", "a.org", "--ssh-key", "x"], 2, "needs --known-hosts"],
    [["add", "--host", "a.org", "--known-hosts", "x"], 2, "belongs to --ssh-key"],
    [["add", "--host", "a.org", "--ssh-key", "x", "--token-file", "y"], 2, "takes neither"],
    [["add", "--host", "a.org", "--token-file", "/nowhere"], 2, "--token-file /nowhere"],
    [["add", "--repository", "nowhere"], 4, "there is no repository nowhere"],
    [["add", "--repository", "shop"], 2, '"shop" fits 2 repositories'],
    [["remove", "deadbeef"], 4, "there is no credential deadbeef"],
  ])("says what is wrong with %j", async (args, code, message) => {
    const result = await run(["credential", ...args]);
    expect([result.code, result.stderr]).toEqual([code, expect.stringContaining(message)]);
  });
});

describe("agentvine repository secret", () => {
  it("stores, lists and removes variables; values come by standard input or file and are shown by nobody", async () => {
    const value = `postgresql://test:${newId()}@db/shop`;
    expect((await run(["repository", "secret", "set", url, "TEST_URL"], `${value}\n`)).code).toBe(0);
    const set = await run([
      "repository",
      "secret",
      "set",
      url,
      "TEST_KEY",
      "--file",
      await file("a\nkey of\nlines"),
    ]);
    expect(set.stdout).toBe("stored TEST_KEY for shop\n");
    const list = await run(["repository", "secret", "list", url]);
    expect(list.stdout).toMatch(/TEST_KEY[\s\S]*TEST_URL +\S+ +never/);
    expect(list.stdout).not.toContain(value);
    expect((await run(["repository", "secret", "remove", url, "TEST_URL"])).code).toBe(0);
    expect((await run(["repository", "secret", "remove", url, "TEST_URL"])).code).toBe(4);
    const bad = await run(["repository", "secret", "set", url, "AGENTVINE_X"], "some value");
    expect([bad.code, bad.stderr]).toEqual([2, expect.stringContaining("are ours")]);
  });
});

describe("agentvine secrets", () => {
  it("shows the master keys, makes a new one and seals everything anew with it, as often as one likes", async () => {
    await run(["credential", "add", "--host", "rotated.example.org"], "token-of-a-bot");
    expect((await run(["secrets", "status"])).stdout).toMatch(/[0-9a-f]{16} +\d+ +newest/);
    const rotated = await run(["secrets", "rotate", "--new-key"]);
    expect(rotated.code).toBe(0);
    expect(rotated.stdout).toMatch(/sealed anew: [3-9]\n/);
    expect(rotated.stdout).toMatch(/ newest\s/);
    expect(rotated.stdout).toMatch(/ 0 +no longer needed/);
    expect((await run(["secrets", "rotate"])).stdout).toContain("sealed anew: 0\n");
  });
});
