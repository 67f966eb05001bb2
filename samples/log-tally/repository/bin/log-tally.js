#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { formatTally, tally } from "../src/tally.js";

const [path] = process.argv.slice(2);
if (path === undefined) {
  console.error("usage: log-tally <file>");
  process.exit(2);
}
console.log(formatTally(tally(readFileSync(path, "utf8"))));
