import { configDefaults, defineConfig } from "vitest/config";

// Workspace packages are used from their sources, unbuilt.
const source = "@agentvine/source";
const resolve = { conditions: [source, "module", "development|production"] };
const ssr = { resolve: { conditions: [source, "module", "node", "development|production"] } };

const sharedPostgres = ["./packages/testkit/src/postgres-global-setup.ts"];

/** Loading modules anew for each file costs these a third of their time, and none of them changes what others see. */
const shared = new Set([
  "backend",
  "controller",
  "contracts",
  "client",
  "policy",
  "kit",
  "model",
  "scripted-model",
]);

function project(name: string, folder: string, globalSetup: string[] = []) {
  return {
    resolve,
    ssr,
    test: {
      name,
      isolate: !shared.has(name),
      include: [`${folder}/**/*.test.ts`],
      exclude: [...configDefaults.exclude, "**/dist/**", "**/*.system.test.ts"],
      globalSetup,
      testTimeout: 20_000,
      hookTimeout: 60_000,
    },
  };
}

const lineFloor = { lines: 90 };

export default defineConfig({
  test: {
    // Most tests wait for processes and the database, not for the processor: the default of one worker on two cores idles.
    maxWorkers: 3,
    projects: [
      project("contracts", "packages/contracts"),
      project("client", "packages/client"),
      project("policy", "packages/policy"),
      project("kit", "packages/kit"),
      project("model", "packages/model"),
      project("postgres", "packages/postgres"),
      project("scripted-model", "packages/scripted-model"),
      project("testkit", "packages/testkit", sharedPostgres),
      project("backend", "backend", sharedPostgres),
      project("workers", "workers", sharedPostgres),
      project("controller", "controller", sharedPostgres),
      project("cli", "cli", sharedPostgres),
      project("scripts", "scripts"),
      project("e2e", "e2e"),
    ],
    coverage: {
      provider: "v8",
      include: ["**/src/**/*.ts"],
      // Entry points only wire what is tested elsewhere; they run as child processes in the system tests.
      exclude: [
        "**/*.test.ts",
        "**/testing/**",
        "**/main.ts",
        "**/*-main.ts",
        "**/postgres-global-setup.ts",
        "**/dist/**",
        "**/node_modules/**",
        "samples/**",
      ],
      reporter: ["text-summary", "json-summary", "lcovonly"],
      thresholds: {
        "backend/src/**": lineFloor,
        "workers/src/**": lineFloor,
        "controller/src/**": lineFloor,
        "cli/src/**": lineFloor,
        "packages/*/src/**": lineFloor,
      },
    },
  },
});
