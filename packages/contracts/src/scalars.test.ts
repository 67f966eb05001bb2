import { describe, expect, test } from "vitest";
import type { z } from "zod";
import { flagSchema, listOf, pageQuerySchema } from "./pagination.ts";
import { repositoryUrlSchema } from "./resources/repository.ts";
import {
  branchSchema,
  commitSchema,
  digestSchema,
  idSchema,
  jsonObjectSchema,
  labelSchema,
  nameSchema,
  textSchema,
  timestampSchema,
  titleSchema,
} from "./scalars.ts";
import { laneOf, prioritySchema } from "./vocabulary.ts";

interface Table {
  name: string;
  schema: z.ZodType;
  accepts: unknown[];
  rejects: unknown[];
}

const tables: Table[] = [
  {
    name: "id",
    schema: idSchema,
    accepts: ["0192f0c1-7a10-7c11-8a01-000000000001"],
    rejects: ["", "1", "0192f0c1", null, "0192f0c1-7a10-7c11-8a01-00000000000g", "' or 1=1 --"],
  },
  {
    name: "timestamp",
    schema: timestampSchema,
    accepts: ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.123+02:00"],
    rejects: ["2026-01-31", "2026-01-31T12:00:00", "now", 0, "2026-13-01T00:00:00Z"],
  },
  {
    name: "title",
    schema: titleSchema,
    accepts: ["Fix it", "'; drop table tasks; --", "$(rm -rf /)", "ü".repeat(200)],
    rejects: ["", "   ", "two\nlines", "cr\r", "nul\u0000", "x".repeat(201), 5],
  },
  {
    name: "text",
    schema: textSchema,
    accepts: ["", "many\nlines", "x".repeat(100_000)],
    rejects: ["nul\u0000", "x".repeat(100_001), null],
  },
  { name: "name", schema: nameSchema, accepts: ["build 1"], rejects: ["", " ", "a\u0000", "x".repeat(101)] },
  {
    name: "label",
    schema: labelSchema,
    accepts: ["gpu", "os=linux", "team/a.b_c-1"],
    rejects: ["", "-x", "a b", "a;b", "ä", "x".repeat(64)],
  },
  {
    name: "branch",
    schema: branchSchema,
    accepts: ["main", "feature/x", "agentvine/1/a1", "release-1.2", "ünïcode"],
    rejects: [
      "",
      "--upload-pack=touch /tmp/x",
      "-b",
      "a..b",
      "a b",
      "a~1",
      "a^",
      "a:b",
      "a?",
      "a*",
      "a[",
      "a\\b",
      "/a",
      "a/",
      "a.",
      ".a",
      "a/.b",
      "a.lock",
      "a.lock/b",
      "a//b",
      "a@{1}",
      "@",
      "a\u0000",
      "a\nb",
      "x".repeat(201),
    ],
  },
  {
    name: "commit",
    schema: commitSchema,
    accepts: ["a".repeat(40), "0".repeat(64)],
    rejects: ["HEAD", "a".repeat(39), "A".repeat(40), "a".repeat(50)],
  },
  {
    name: "digest",
    schema: digestSchema,
    accepts: ["0".repeat(64)],
    rejects: ["0".repeat(63), "g".repeat(64)],
  },
  {
    name: "JSON object",
    schema: jsonObjectSchema,
    accepts: [{}, { a: { b: [1] } }],
    rejects: [[], null, "x", { big: "x".repeat(65_536) }, { nul: "a\u0000b" }],
  },
  {
    name: "repository address",
    schema: repositoryUrlSchema,
    accepts: ["https://github.com/a/b", "git@github.com:a/b.git", "/srv/git/a.git"],
    rejects: ["", "--upload-pack=x", "https://a/b c", "https://a/\u0000", "a\\b", "x".repeat(2_001), "a\nb"],
  },
  {
    name: "list",
    schema: listOf(prioritySchema),
    accepts: ["low", "low,high", ["low"], ""],
    rejects: ["lowest", "low,lowest", 3, Array(51).fill("low")],
  },
  { name: "flag", schema: flagSchema, accepts: ["true", "0", true], rejects: ["yes", "", 2] },
  {
    name: "page",
    schema: pageQuerySchema,
    accepts: [{}, { page: "2", pageSize: "100" }],
    rejects: [{ page: "0" }, { page: "-1" }, { pageSize: "101" }, { pageSize: "ten" }, { page: "1.5" }],
  },
];

const shown = (value: unknown) => (JSON.stringify(value) ?? "undefined").slice(0, 50);

describe.each(tables)("$name", ({ schema, accepts, rejects }) => {
  test.each(accepts.map((value) => [shown(value), value]))("accepts %s", (_shown, value) => {
    expect(schema.safeParse(value)).toMatchObject({ success: true });
  });
  test.each(rejects.map((value) => [shown(value), value]))("rejects %s", (_shown, value) => {
    expect(schema.safeParse(value).success).toBe(false);
  });
});

test("critical and high share a lane, and every priority has one", () => {
  expect(prioritySchema.options.map((priority) => [priority, laneOf(priority)])).toEqual([
    ["low", "low_priority"],
    ["normal", "default"],
    ["high", "high_priority"],
    ["critical", "high_priority"],
  ]);
});
