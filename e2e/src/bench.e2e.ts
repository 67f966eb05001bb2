import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { z } from "zod";

const reportSchema = z.strictObject({
  aims: z
    .array(z.strictObject({ name: z.string(), value: z.number(), aim: z.string(), holds: z.boolean() }))
    .min(1),
  figures: z.record(z.string(), z.number()),
  machine: z.record(z.string(), z.union([z.string(), z.number()])),
});

const root = fileURLToPath(new URL("../..", import.meta.url));

it.each([
  ["api", "2000 tasks: tasks, type and status, p95, ms"],
  ["decisions", "rule-only decision, 1 at a time: p95, ms"],
  ["dispatch", "a: full lives over HTTP, per second"],
])("the bench of the %s measures and says in one line which aims hold", async (name, figure) => {
  const tsx = ["--conditions=@agentvine/source", "--import", "tsx"];
  const entry = `bench/src/${name}.bench.ts`;
  const { stdout } = await promisify(execFile)(process.execPath, [...tsx, entry, "--quick", "--json"], {
    cwd: root,
  });
  const [line = "", ...others] = stdout.trimEnd().split("\n");
  expect(others).toEqual([]);
  const report = reportSchema.parse(JSON.parse(line));
  expect(report.figures[figure]).toBeGreaterThan(0);
  expect(report.machine).toMatchObject({ node: process.versions.node });
});
