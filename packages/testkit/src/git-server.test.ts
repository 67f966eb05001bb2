import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { commitFiles, createRepository, git } from "./git-fixtures.ts";
import { type GitServer, startGitServer } from "./git-server.ts";
import { useTempDir } from "./temp-dir.ts";

const dir = useTempDir();
let server: GitServer | undefined;
afterEach(() => server?.close());

test("lets whoever has the password clone and push, and nobody else", async () => {
  const root = join(dir(), "served");
  await createRepository(join(root, "app"), { a: "1" });
  const user = { name: "bot", password: "pass-word" };
  server = await startGitServer({ root, user });
  const withUser = server.url.replace("//", "//bot:pass-word@");
  await git(dir(), "clone", "--quiet", `${withUser}/app/.git`, "copy");
  const commit = await commitFiles(join(dir(), "copy"), { b: "2" });
  await git(join(dir(), "copy"), "push", "--quiet", "origin", "HEAD:refs/heads/pushed");
  expect(await git(join(root, "app"), "rev-parse", "pushed")).toBe(commit);
  await expect(git(dir(), "ls-remote", `${server.url}/app/.git`)).rejects.toThrow();
  server.setPassword("another");
  await expect(git(dir(), "ls-remote", `${withUser}/app/.git`)).rejects.toThrow();
  expect(server.requests.map(({ status }) => status)).toContain(401);
});
