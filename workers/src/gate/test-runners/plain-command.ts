import { parseTapReport } from "./tap-report.ts";
import type { TestRunner } from "./test-runner.ts";

/** Any other command: its exit code, and its tests when it prints TAP. */
export const plainCommandRunner: TestRunner = {
  name: "command",
  isStartedBy: () => true,
  instrument: ({ command }) => ({
    line: command.line,
    env: {},
    files: {},
    reportFile: null,
    parse: parseTapReport,
  }),
  instrumentCoverage: () => null,
  noTests: /no tests? (?:files? )?(?:found|ran|specified)/i,
  configFiles:
    /(?:^|\/)(?:\.mocharc(?:\.\w+)?|\.taprc|\.c8rc(?:\.\w+)?|\.nycrc(?:\.\w+)?|ava\.config\.[cm]?js)$/,
  packageKeys: ["mocha", "ava", "tap", "c8", "nyc"],
  packages: /^(?:mocha|ava|tap|tape|uvu|c8|nyc)$/,
};
