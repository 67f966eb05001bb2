import { configDefaults, defineConfig } from "vitest/config";

const source = "@agentvine/source";

interface Group {
  readonly include: string[];
  readonly exclude?: string[];
  /** Groups run one after the other. */
  readonly order: number;
  /** Files that run at the same time. */
  readonly workers: number;
}

const group = (name: string, { include, exclude = [], order, workers }: Group) => ({
  resolve: { conditions: [source, "module", "development|production"] },
  ssr: { resolve: { conditions: [source, "module", "node", "development|production"] } },
  test: {
    name,
    include,
    exclude: [...configDefaults.exclude, "**/dist/**", ...exclude],
    globalSetup: ["./packages/testkit/src/postgres-global-setup.ts"],
    testTimeout: 180_000,
    hookTimeout: 180_000,
    maxWorkers: workers,
    sequence: { groupOrder: order },
  },
});

/** What a fleet does while it is killed: mostly waits for leases to run out, so two go side by side. */
const fleets = "workers/src/base/**/*.system.test.ts";
/** Of the end-to-end tests those without a fleet and without figures. */
const quiet = ["bad-input", "api-docs", "bull-board"].map((name) => `e2e/src/${name}.e2e.ts`);

/** Tests of the whole system: built programs, real processes, a browser. Those of one package stand beside it. */
export default defineConfig({
  test: {
    projects: [
      group("parts", {
        include: [
          "{backend,cli,controller,workers,packages/*}/src/**/*.system.test.ts",
          "scripts/*.system.test.ts",
          ...quiet,
        ],
        exclude: [fleets],
        order: 1,
        workers: 3,
      }),
      group("fleets", { include: [fleets], order: 2, workers: 2 }),
      group("system", { include: ["e2e/**/*.e2e.ts"], exclude: quiet, order: 3, workers: 1 }),
    ],
  },
});
