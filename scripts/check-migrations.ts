// Fails when the database schema in code and the committed migrations say different things.
//
// What: lets drizzle-kit generate into a copy of the migrations; a file more than before is a forgotten migration.
// When: part of `npm run check`.
// How: `npx tsx scripts/check-migrations.ts`
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { repositoryRoot } from "./repository-files.ts";

const migrations = join(repositoryRoot, "backend/migrations");

// drizzle-kit takes the output folder relative to where it runs, so the copy has to lie inside the checkout.
const cache = join(repositoryRoot, "node_modules/.cache");

function run(): number {
  mkdirSync(cache, { recursive: true });
  const copy = mkdtempSync(join(cache, "migrations-"));
  try {
    cpSync(migrations, copy, { recursive: true });
    const out = `./${relative(repositoryRoot, copy)}`;
    const argv = [
      "generate",
      "--dialect",
      "postgresql",
      "--schema",
      "./backend/src/database/schema/index.ts",
      "--out",
      out,
    ];
    const command = join(repositoryRoot, "node_modules/.bin/drizzle-kit");
    const { status, stdout, stderr, error } = spawnSync(command, argv, {
      cwd: repositoryRoot,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    if (error !== undefined) throw error;
    if (status !== 0) {
      console.error(`drizzle-kit ended with ${status}\n${stdout}${stderr}`);
      return 1;
    }
    const forgotten = readdirSync(copy).filter((name) => !readdirSync(migrations).includes(name));
    for (const name of forgotten)
      console.error(`the schema has changed without a migration (it would be ${name})`);
    return forgotten.length === 0 ? 0 : 1;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

process.exitCode = run();
