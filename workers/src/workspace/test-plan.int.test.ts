import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { type RepositorySettings, repositorySettingsSchema } from "@agentvine/contracts";
import { isAppError } from "@agentvine/kit";
import { useTempDir } from "@agentvine/testkit";
import { describe, expect, it } from "vitest";
import { mirrorsDir } from "./layout.ts";
import { refreshMirror } from "./mirror.ts";
import { readTestPlan } from "./test-plan.ts";
import { aFixture, aGit, aRepository, commitFiles, createRepository } from "./testing/fixture.ts";

const dir = useTempDir();

async function planOf(files: Record<string, string>, settings: Partial<RepositorySettings> = {}) {
  const { mirror, upstream } = await aFixture(dir(), files);
  return await readTestPlan(mirror, {
    commit: upstream.commit,
    settings: { ...repositorySettingsSchema.parse({}), ...settings },
  });
}

async function issuesOf(text: string): Promise<string[]> {
  try {
    await planOf({ ".agentvine.yml": text });
  } catch (error) {
    if (isAppError(error, "test_plan.invalid")) {
      return (error.issues ?? []).map(({ path }) => path);
    }
    throw error;
  }
  throw new Error("the file was taken");
}

const npm = (manifest: object, more: Record<string, string> = {}) => ({
  "package.json": JSON.stringify(manifest),
  ...more,
});

describe("a test plan", () => {
  it("comes from .agentvine.yml first, then from the settings, then from the files; field by field", async () => {
    const file = "testCommand: make check\ncommandTimeoutSeconds: 5\nenvironment: { A: file, N: 1 }\n";
    const settings = {
      testCommand: "make test",
      coverageCommand: "make cov",
      environment: { A: "settings", B: "b" },
    };
    const manifest = npm(
      { scripts: { test: "node --test" }, devDependencies: { x: "1" } },
      { ".agentvine.yml": file },
    );
    expect(await planOf(manifest, settings)).toEqual({
      source: "agentvine.yml",
      runner: "command",
      setupCommand: "npm install --no-package-lock --no-audit --no-fund",
      testCommand: "make check",
      coverageCommand: "make cov",
      commandTimeoutMs: 5_000,
      environment: { A: "file", B: "b", N: "1" },
    });
  });

  it("comes from the settings when there is no file", async () => {
    const plan = await planOf({ x: "" }, { testCommand: "npx vitest run", setupCommand: "make setup" });
    expect(plan).toMatchObject({
      source: "repository settings",
      runner: "vitest",
      setupCommand: "make setup",
      commandTimeoutMs: 600_000,
    });
  });

  it("is none when nothing is known, and when the file says that there is none", async () => {
    expect(await planOf({ x: "" })).toMatchObject({ source: "none", runner: "none", testCommand: null });
  });

  it("takes null in the file as: there is none", async () => {
    const files = npm(
      { scripts: { test: "jest" } },
      { ".agentvine.yml": "testCommand: null\nsetupCommand: null\n" },
    );
    expect(await planOf(files)).toMatchObject({ source: "agentvine.yml", runner: "none", testCommand: null });
  });

  it("is read from the base commit: what stands elsewhere changes nothing", async () => {
    const {
      mirror,
      upstream,
      git,
      repository,
      mirrorsDir: mirrors,
    } = await aFixture(dir(), {
      ".agentvine.yml": "testCommand: make check\n",
    });
    const later = await commitFiles(upstream.path, { ".agentvine.yml": "testCommand: 'true'\n" });
    await refreshMirror(git, { mirrorsDir: mirrors, repository });
    const settings = repositorySettingsSchema.parse({});
    expect(await readTestPlan(mirror, { commit: upstream.commit, settings })).toMatchObject({
      testCommand: "make check",
    });
    expect(await readTestPlan(mirror, { commit: later, settings })).toMatchObject({ testCommand: "true" });
  });

  it("follows no link out of the repository", async () => {
    const upstream = await createRepository(join(dir(), "linked"), { x: "" });
    await symlink("/etc/hostname", join(upstream.path, ".agentvine.yml"));
    const commit = await commitFiles(upstream.path, {});
    const mirror = await refreshMirror(await aGit(dir()), {
      mirrorsDir: mirrorsDir(dir()),
      repository: aRepository(upstream.path),
    });
    const plan = await readTestPlan(mirror, { commit, settings: repositorySettingsSchema.parse({}) });
    expect(plan.source).toBe("none");
  });
});

describe("a bad .agentvine.yml", () => {
  it("names every field that is wrong", async () => {
    expect(await issuesOf("testCommand: ''\ncommandTimeoutSeconds: 0\nenvironment: { '1 A': x }\n")).toEqual([
      "testCommand",
      "commandTimeoutSeconds",
      "environment.1 A",
    ]);
  });

  it.each([
    ["unknown fields", "tests: npm test"],
    ["a list", "- a\n- list"],
    ["broken YAML", "testCommand: ["],
    ["endless text", `x: "${"y".repeat(70_000)}"`],
    [
      "alias bombs",
      "a: &a [1,2]\nb: [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]",
    ],
  ])("refuses %s", async (_what, text) => {
    expect(await issuesOf(text)).toHaveLength(1);
  });

  it("that is empty says nothing", async () => {
    expect(await planOf({ ".agentvine.yml": "# later\n" })).toMatchObject({ source: "none" });
  });
});
