import { configDefaults, defineConfig } from "vitest/config";

// Workspace packages are used from their sources, unbuilt.
const source = "@agentvine/source";
const resolve = { conditions: [source, "module", "development|production"] };
const ssr = { resolve: { conditions: [source, "module", "node", "development|production"] } };

/** For tests that use the PostgreSQL of the run. */
const database = { globalSetup: ["./packages/testkit/src/postgres-global-setup.ts"] };

interface ProjectOptions {
  readonly globalSetup?: string[];
  /** All test files of the folder unless told. */
  readonly only?: "units" | "with real parts";
  /**
   * Files share processes and loaded modules unless told: loading them anew for each costs a third of the time, and none of these files
   * changes what others see. Those that start many processes are better off alone: starting one takes longer the bigger its parent is.
   */
  readonly isolate?: boolean;
}

const real = "*.int.test.ts";

function project(
  name: string,
  folder: string,
  { globalSetup = [], only, isolate = false }: ProjectOptions = {},
) {
  const files = only === "with real parts" ? real : "*.test.ts";
  const others = only === "units" ? [`**/${real}`] : [];
  return {
    resolve,
    ssr,
    test: {
      name,
      isolate,
      include: [`${folder}/**/${files}`],
      exclude: [...configDefaults.exclude, "**/dist/**", "**/*.system.test.ts", ...others],
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
      project("postgres", "packages/postgres", { isolate: true }),
      project("scripted-model", "packages/scripted-model"),
      project("testkit", "packages/testkit", { ...database, isolate: true }),
      project("backend", "backend", database),
      project("controller", "controller", database),
      project("workers", "workers", { ...database, only: "units" }),
      project("workers-real", "workers", { ...database, only: "with real parts", isolate: true }),
      project("cli", "cli", { ...database, only: "units" }),
      project("cli-real", "cli", { ...database, only: "with real parts", isolate: true }),
      project("scripts", "scripts", { isolate: true }),
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
