import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Validator } from "@seriousme/openapi-schema-validator";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { envSchema as backendSchema, readConfig } from "../backend/src/config.ts";
import {
  errorCodes,
  eventTypes,
  executionMachine,
  taskMachine,
  workerMachine,
  workerRequestMachine,
  workOrderMachine,
} from "../packages/contracts/src/index.ts";
import { loadWorkerConfig, environmentSchema as workerSchema } from "../workers/src/config.ts";
import { difference, generateDocs, staleDocs, writeDocs } from "./generate-docs.ts";
import { listRepositoryFiles, repositoryRoot } from "./repository-files.ts";

const docs = generateDocs();
const textOf = (path: string): string => docs.get(path) ?? "";

describe("states.md", () => {
  const diagrams = [...textOf("docs/reference/states.md").matchAll(/```mermaid\n([\s\S]*?)```/g)];
  const machines = [taskMachine, workOrderMachine, executionMachine, workerMachine, workerRequestMachine];

  it("draws one diagram per state machine", () => {
    expect(diagrams).toHaveLength(machines.length);
  });

  it.each(machines.map((machine, index) => [machine.name, machine, index] as const))(
    "the edges of the %s diagram are its transition table",
    (_name, machine, index) => {
      const lines = (diagrams[index]?.[1] ?? "").split("\n");
      const edges = lines.flatMap(
        (line) => /^ {2}(\w+) --> (\w+): (\w+)$/.exec(line)?.slice(1).join(" ") ?? [],
      );
      expect(edges.sort()).toEqual(
        machine.transitions.map(({ from, event, to }) => `${from} ${to} ${event}`).sort(),
      );
      expect(lines).toContain(`  [*] --> ${machine.initial}`);
      expect(lines.filter((line) => line.endsWith(" --> [*]"))).toEqual(
        machine.final.map((status) => `  ${status} --> [*]`),
      );
    },
  );

  it("says what every status means", () => {
    for (const { statuses } of machines) {
      for (const status of statuses)
        expect(textOf("docs/reference/states.md")).toMatch(new RegExp(`^\\| \`${status}\` \\| \\w`, "m"));
    }
  });
});

describe("errors.md and events.md", () => {
  it("has an anchor, a meaning and a remedy for every error code", () => {
    const sections = textOf("docs/reference/errors.md").split("\n### ").slice(1);
    expect(sections).toHaveLength(errorCodes.length);
    for (const code of errorCodes) {
      const section = sections.find((text) => text.includes(`<a id="${code}"></a>`)) ?? "";
      expect(section).toMatch(
        /\n\n\S.*\n\n\*\*What to do:\*\* \S.*\n\nKind `\w+` · HTTP \d+ · exit code \d · (not )?retryable/,
      );
    }
  });

  it("has a line for every event type", () => {
    const rows = textOf("docs/reference/events.md").match(/^\| `[a-z_]+\.[a-z_]+` \| \S/gm);
    expect(rows).toHaveLength(eventTypes.length);
  });
});

describe("config.md and .env.example", () => {
  const schemaNames = [...Object.keys(backendSchema.shape), ...Object.keys(workerSchema.shape)];

  it("name every variable of the schemas, with a meaning", () => {
    for (const name of schemaNames) {
      expect(textOf("docs/reference/config.md")).toMatch(
        new RegExp(`^\\| \`${name}\` \\|.*\\| \\S[^|]+\\|$`, "m"),
      );
      expect(textOf(".env.example").match(new RegExp(`^#${name}=`, "gm"))).toHaveLength(1);
    }
  });

  // Set by our own processes for their children, or read by tests alone.
  const internal = new Set([
    "AGENTVINE_EXECUTION_ID",
    "AGENTVINE_SANDBOX_ID",
    "AGENTVINE_COMMAND_ID",
    "AGENTVINE_PROMPT_FILE",
    "AGENTVINE_MCP_CONFIG",
    "AGENTVINE_MCP_SERVER",
    "AGENTVINE_RELAY",
    "AGENTVINE_GIT_USERNAME",
    "AGENTVINE_GIT_PASSWORD",
  ]);

  it("name every variable that the programs mention", () => {
    const sources = listRepositoryFiles().filter(
      (path) =>
        /^(backend|workers|controller|cli|packages)\/.*\.ts$/.test(path) &&
        !/\.test\.ts$|\/testing\/|^packages\/testkit\//.test(path),
    );
    const mentioned = sources.flatMap((path) =>
      [...readFileSync(join(repositoryRoot, path), "utf8").matchAll(/\bAGENTVINE_[A-Z][A-Z_]*[A-Z]\b/g)].map(
        ([name]) => name,
      ),
    );
    const unknown = [...new Set(mentioned)].filter(
      (name) => !internal.has(name) && !textOf("docs/reference/config.md").includes(`\`${name}\``),
    );
    expect(mentioned.length).toBeGreaterThan(50);
    expect(unknown).toEqual([]);
  });

  it("show defaults that the programs take, and that change nothing", () => {
    const shown = Object.fromEntries(
      [...textOf(".env.example").matchAll(/^#([A-Z_]+)=(.+)$/gm)].map(([, name, value]) => [
        name ?? "",
        value,
      ]),
    );
    const home = { AGENTVINE_HOME: "/nowhere/agentvine" };
    expect(readConfig({ ...shown, ...home })).toEqual(readConfig(home));
    expect(loadWorkerConfig({ ...shown, ...home })).toEqual(loadWorkerConfig(home));
  });
});

it("openapi.json is valid OpenAPI 3.1", async () => {
  const { valid } = await new Validator().validate(JSON.parse(textOf("docs/reference/openapi.json")));
  expect(valid).toBe(true);
});

it("cli.md shows every command with its flags", () => {
  const titles = textOf("docs/reference/cli.md").match(/^## `agentvine .*`$/gm);
  expect(titles).toContain("## `agentvine task create`");
  expect(titles).toContain("## `agentvine task review <id>`");
  expect(titles?.length).toBeGreaterThanOrEqual(16);
  expect(textOf("docs/reference/cli.md")).toContain(
    "| `--repo <url or path>` | repository to work on (required) |  |",
  );
});

describe("the comparison", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "docs-"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("finds nothing in what was just written, and a missing or edited file afterwards", () => {
    writeDocs(root);
    expect(staleDocs(root)).toEqual([]);
    writeFileSync(join(root, ".env.example"), "# edited\n");
    rmSync(join(root, "docs/reference/cli.md"));
    const stale = staleDocs(root);
    expect(stale).toHaveLength(2);
    expect(stale[0]).toBe("docs/reference/cli.md is missing");
    expect(stale[1]).toMatch(
      /^\.env\.example:1 is out of date\n {2}has: {3}# edited\n {2}wants: # Generated/,
    );
  });

  it("finds what was added at the end", () => {
    expect(difference("a.md", "one\n", "one\n")).toBeUndefined();
    expect(difference("a.md", "one", "one\ntwo")).toContain("a.md:2 is out of date");
  });
});
