import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readToken } from "@agentvine/kit";
import { useTempDir, waitUntil } from "@agentvine/testkit";
import { describe, expect, it } from "vitest";

import { FakeClock } from "./testing/fake-clock.ts";
import { silentLogger } from "./testing/fakes.ts";

describe("readToken", () => {
  const dir = useTempDir();
  const read = (changes: { token?: string; tokenFile?: string } = {}) => {
    const clock = new FakeClock();
    const tokenFile = changes.tokenFile ?? join(dir(), "worker.key");
    const token = readToken({
      token: changes.token,
      tokenFile,
      waitMs: 60_000,
      logger: silentLogger,
      clock,
      sleep: clock.sleep,
      signal: new AbortController().signal,
    });
    token.catch(() => undefined);
    return { token, clock, tokenFile };
  };

  it("takes the given key before any file", async () => {
    expect(await read({ token: "avk_given", tokenFile: "/nowhere" }).token).toBe("avk_given");
  });

  it("waits until the backend has written the file", async () => {
    const { token, clock, tokenFile } = read();
    await waitUntil(() => clock.sleeping === 1);
    await writeFile(tokenFile, "");
    await clock.advance(50);
    await waitUntil(() => clock.sleeping === 1);
    await writeFile(tokenFile, "avk_written\n");
    await clock.advance(50);
    expect(await token).toBe("avk_written");
  });

  it("says what is missing when the file does not come", async () => {
    const { token, clock } = read();
    let isOver = false;
    void token.catch(() => (isOver = true));
    await waitUntil(async () => {
      await clock.advance(5_000);
      return isOver;
    });
    await expect(token).rejects.toMatchObject({ code: "auth.required" });
  });

  it("says so at once when the file can't be read", async () => {
    await expect(read({ tokenFile: dir() }).token).rejects.toThrow(/can't be read/);
  });
});
