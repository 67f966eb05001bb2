#!/usr/bin/env node
// Starts the compiled command line. In a checkout it compiles first when the sources have changed; in an installed
// package there is nothing to compile. Written so that an old Node can still parse it and say what is wrong.
import { existsSync } from "node:fs";

const nodeMin = [20, 19];

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < nodeMin[0] || (major === nodeMin[0] && minor < nodeMin[1])) {
  console.error(
    `agentvine: needs Node.js ${nodeMin.join(".")} or newer, this is ${process.versions.node} (${process.execPath})`,
  );
  process.exit(1);
}

const isCheckout = existsSync(new URL("../src/main.ts", import.meta.url));
if (isCheckout) {
  const { ensureBuilt } = await import("./checkout-build.js");
  const problem = await ensureBuilt();
  if (problem !== undefined) {
    console.error(`agentvine: ${problem}`);
    process.exit(1);
  }
}

const { main } = await import("../dist/main.js");
process.exitCode = await main(process.argv.slice(2));
