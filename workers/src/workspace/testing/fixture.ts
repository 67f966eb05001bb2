import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { newId } from "@agentvine/kit";
import { commitFiles, createRepository, type FixtureRepository, git as fixtureGit } from "@agentvine/testkit";
import type { Sandbox } from "../../sandbox/sandbox.ts";
import { createSandboxFactory } from "../../sandbox/sandbox-factory.ts";
import { createGit, type Git, type GitOptions } from "../git.ts";
import { createLayout, executionLayout, mirrorsDir } from "../layout.ts";
import { type Mirror, type RepositoryRef, refreshMirror } from "../mirror.ts";
import { createWorkspace } from "../workspace.ts";

export { commitFiles, createRepository, fixtureGit };

export async function aGit(dir: string, options: Partial<GitOptions> = {}): Promise<Git> {
  const tempDir = join(dir, "host");
  await mkdir(tempDir, { recursive: true });
  return createGit({ tempDir, isLocalMode: true, allowsPrivateHosts: true, ...options });
}

export const aRepository = (url: string, canonicalKey = "local:upstream"): RepositoryRef => ({
  url,
  canonicalKey,
});

/** A repository upstream, a worker's mirror of it, and what is needed to start. */
export interface Fixture {
  readonly dir: string;
  readonly upstream: FixtureRepository;
  readonly git: Git;
  readonly mirror: Mirror;
  readonly mirrorsDir: string;
  readonly repository: RepositoryRef;
}

const startFiles = { "README.md": "# Sample\n", "src/add.js": "export const add = (a, b) => a - b;\n" };

export async function aFixture(dir: string, files: Record<string, string> = startFiles): Promise<Fixture> {
  const upstream = await createRepository(join(dir, "upstream"), files);
  const git = await aGit(dir);
  const mirrors = mirrorsDir(join(dir, "data"));
  const repository = aRepository(upstream.path);
  const mirror = await refreshMirror(git, { mirrorsDir: mirrors, repository });
  return { dir, upstream, git, mirror, mirrorsDir: mirrors, repository };
}

/** A workspace at the upstream's commit inside a sandbox; the caller closes it. */
export async function aWorkspace(fixture: Fixture, executionId = newId()): Promise<Sandbox> {
  const layout = executionLayout(join(fixture.dir, "data"), executionId);
  await createLayout(layout);
  await createWorkspace(fixture.mirror, {
    directory: layout.workspace,
    commit: fixture.upstream.commit,
    branch: "main",
  });
  const factory = createSandboxFactory("none", { acceptNoSandbox: true });
  return await factory.open({
    workspaceDir: layout.workspace,
    homeDir: layout.home,
    tempDir: layout.temp,
    executionId,
  });
}

export async function shell(sandbox: Sandbox, script: string): Promise<string> {
  const result = await sandbox.run({
    argv: ["/bin/sh", "-c", script],
    timeoutMs: 30_000,
    outputBytesMax: 100_000,
  });
  if (result.exitCode !== 0) {
    throw new Error(`${script}: ${result.stderr}`);
  }
  return result.stdout;
}
