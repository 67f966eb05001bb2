import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { useTempDir } from "@agentvine/testkit";
import { describe, expect, it } from "vitest";
import { resolveEntryPoints } from "./entry-points.ts";

const tempDir = useTempDir();

function install(...paths: string[]): string {
  for (const path of paths) {
    mkdirSync(dirname(join(tempDir(), path)), { recursive: true });
    writeFileSync(join(tempDir(), path), "");
  }
  return join(tempDir(), "cli");
}

describe("the programs of an installation", () => {
  it("are found beside the cli", () => {
    const cli = install(
      "backend/dist/main.js",
      "workers/dist/main.js",
      "workers/dist/executor-main.js",
      "workers/dist/relay-main.js",
      "controller/dist/main.js",
    );
    expect(resolveEntryPoints(cli)).toEqual({
      backend: join(tempDir(), "backend/dist/main.js"),
      worker: join(tempDir(), "workers/dist/main.js"),
      executor: join(tempDir(), "workers/dist/executor-main.js"),
      relay: join(tempDir(), "workers/dist/relay-main.js"),
      controller: join(tempDir(), "controller/dist/main.js"),
    });
  });

  it("are all named when they are missing", () => {
    const cli = install("backend/dist/main.js");
    expect(() => resolveEntryPoints(cli)).toThrow(
      /workers\/dist\/main\.js, .*workers\/dist\/executor-main\.js, .*workers\/dist\/relay-main\.js/,
    );
  });

  it("are looked for in this checkout by default", () => {
    const expected = join(import.meta.dirname, "../../../backend/dist/main.js");
    let found: string;
    try {
      found = resolveEntryPoints().backend;
    } catch (error) {
      // Not built yet: the message names the same place.
      found = String(error);
    }
    expect(found).toContain(expected);
  });
});
