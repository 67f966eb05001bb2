import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { slugify } from "../src/slugify.js";

const bin = fileURLToPath(new URL("../bin/slugify.js", import.meta.url));
const run = (...args) => execFileSync(process.execPath, [bin, ...args], { encoding: "utf8" }).trim();

test("words are joined in lower case", () => {
  assert.equal(slugify("Ten Facts About Owls"), "ten-facts-about-owls");
});

test("accents and signs are left out", () => {
  assert.equal(slugify("Crème brûlée: it's easy!"), "creme-brulee-it-s-easy");
});

test("the separator can be chosen", () => {
  assert.equal(slugify("a b", { separator: "_" }), "a_b");
});

test("the command prints the slug", () => {
  assert.equal(run("Ten", "Facts"), "ten-facts");
});
