import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { useTempDir } from "@agentvine/testkit";
import { expect, it } from "vitest";
import { accountOptions, findServerAccount } from "./server-account.ts";

const dir = useTempDir();

function accounts(...lines: string[]): string {
  const file = join(dir(), "passwd");
  writeFileSync(file, lines.join("\n"));
  return file;
}

const root = "root:x:0:0:root:/root:/bin/sh";
const nobody = "nobody:x:65534:65533:nobody:/:/bin/false";

it("is our own account unless we are root", () => {
  expect(findServerAccount(1000, "/nowhere")).toBeUndefined();
  expect(accountOptions(undefined)).toEqual({});
});

it("prefers an account made for it to postgres and nobody", () => {
  const postgres = "postgres:x:70:71::/:/bin/sh";
  const own = "agentvine:x:900:901::/:/bin/sh";
  expect(findServerAccount(0, accounts(root, nobody))).toEqual({ name: "nobody", uid: 65534, gid: 65533 });
  expect(findServerAccount(0, accounts(root, nobody, postgres))?.name).toBe("postgres");
  const found = findServerAccount(0, accounts(root, nobody, postgres, own));
  expect(accountOptions(found)).toEqual({ uid: 900, gid: 901 });
});

it("says what to do when root has no such account", () => {
  expect(() => findServerAccount(0, accounts(root))).toThrow(/useradd .*DATABASE_URL/);
});
