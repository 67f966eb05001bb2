import { isAppError } from "@agentvine/kit";
import { type TempDir, tempDir } from "@agentvine/testkit";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { workspaceStatus } from "./result.ts";
import { headCommit } from "./sandbox-git.ts";
import { restoreSnapshot, takeSnapshot } from "./snapshot.ts";
import { aFixture, aWorkspace, type Fixture, shell } from "./testing/fixture.ts";

let home: TempDir;
let fixture: Fixture;
const open: Sandbox[] = [];

beforeAll(async () => {
  home = await tempDir();
  fixture = await aFixture(home.path);
});
afterAll(async () => {
  await home[Symbol.asyncDispose]();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((sandbox) => sandbox.close()));
});

async function fresh(): Promise<Sandbox> {
  const sandbox = await aWorkspace(fixture);
  open.push(sandbox);
  return sandbox;
}
const take = (sandbox: Sandbox) => takeSnapshot(sandbox, { baseCommit: fixture.upstream.commit });

/** Everything a person could tell apart: history, changes, content and modes. */
async function picture(sandbox: Sandbox): Promise<unknown> {
  return {
    head: await headCommit(sandbox),
    branch: await shell(sandbox, "git branch --show-current"),
    status: (await workspaceStatus(sandbox)).sort(),
    files: await shell(
      sandbox,
      "find . -path ./.git -prune -o -type f -printf '%p %m ' -exec sh -c 'cat \"$1\" | cksum' sh {} \\; | sort",
    ),
    refs: await shell(sandbox, "git for-each-ref"),
  };
}

describe("a snapshot", () => {
  it("brings the work to a fresh workspace, committed and uncommitted, byte for byte", async () => {
    const sandbox = await fresh();
    await shell(
      sandbox,
      `echo one > one && git add one && git commit -qm one
       echo two > src/add.js; rm README.md; mkdir -p 'new dir'; printf '\\0\\377' > 'new dir/binary'
       printf '#!/bin/sh\\n' > tool; chmod +x tool; ln -s src/add.js link`,
    );
    const before = await picture(sandbox);
    const bytes = await take(sandbox);
    expect(await picture(sandbox)).toEqual(before);

    const resumed = await fresh();
    await restoreSnapshot(resumed, bytes ?? new Uint8Array());
    expect(await picture(resumed)).toEqual(before);
    expect(await shell(resumed, "readlink link")).toBe("src/add.js\n");
    expect(await take(resumed)).not.toBeNull();
  });

  it("leaves what the agent has staged as it was", async () => {
    const sandbox = await fresh();
    await shell(sandbox, "echo staged > staged; git add staged; echo loose > loose");
    const before = await shell(sandbox, "git status --porcelain");
    await take(sandbox);
    expect(await shell(sandbox, "git status --porcelain")).toBe(before);
    expect(await shell(sandbox, "ls .git")).not.toContain("agentvine");
  });

  it("is nothing while nothing was changed", async () => {
    expect(await take(await fresh())).toBeNull();
  });

  it("holds commits also when nothing is uncommitted", async () => {
    const sandbox = await fresh();
    await shell(sandbox, "git commit -q --allow-empty -m note");
    const bytes = await take(sandbox);
    const resumed = await fresh();
    await restoreSnapshot(resumed, bytes ?? new Uint8Array());
    expect(await headCommit(resumed)).toBe(await headCommit(sandbox));
    expect(await workspaceStatus(resumed)).toEqual([]);
  });

  it("works without an index", async () => {
    const sandbox = await fresh();
    await shell(sandbox, "rm .git/index; echo x > x");
    expect(await take(sandbox)).not.toBeNull();
  });

  it("that is damaged is refused, and the workspace is as it was", async () => {
    const sandbox = await fresh();
    await shell(sandbox, "echo x > x");
    const bytes = (await take(sandbox)) ?? new Uint8Array();
    const resumed = await fresh();
    const before = await picture(resumed);
    for (const damaged of [Buffer.from("nonsense"), bytes.subarray(0, bytes.length - 30)]) {
      await expect(restoreSnapshot(resumed, damaged)).rejects.toSatisfy((error) =>
        isAppError(error, "workspace.invalid"),
      );
    }
    expect(await picture(resumed)).toEqual(before);
  });

  it("of a broken repository is refused", async () => {
    const sandbox = await fresh();
    await shell(sandbox, "rm -rf .git");
    await expect(take(sandbox)).rejects.toSatisfy((error) => isAppError(error, "workspace.invalid"));
  });
});
