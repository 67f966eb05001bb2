import { configDefaults, defineConfig } from "vitest/config";

const source = "@agentvine/source";

/** Tests of the whole system: built programs, real processes, a browser. Slow. Those of one package stand beside it. */
export default defineConfig({
  resolve: { conditions: [source, "module", "development|production"] },
  ssr: { resolve: { conditions: [source, "module", "node", "development|production"] } },
  test: {
    name: "system",
    include: [
      "e2e/**/*.e2e.ts",
      "{backend,cli,controller,workers,packages/*}/src/**/*.system.test.ts",
      "scripts/*.system.test.ts",
    ],
    exclude: [...configDefaults.exclude, "**/dist/**"],
    globalSetup: ["./packages/testkit/src/postgres-global-setup.ts"],
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // They wait more than they compute.
    maxWorkers: 3,
  },
});
