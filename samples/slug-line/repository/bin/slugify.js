#!/usr/bin/env node
import { parseArgs } from "node:util";
import { slugify } from "../src/slugify.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { separator: { type: "string", default: "-" } },
});

console.log(slugify(positionals.join(" "), { separator: values.separator }));
