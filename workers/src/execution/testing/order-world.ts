import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Claim, RepositorySettings, TaskType } from "@agentvine/contracts";
import { sleep, systemClock } from "@agentvine/kit";
import { createRepository, useTempDir } from "@agentvine/testkit";
import { onTestFinished } from "vitest";
import type { AgentDriver } from "../../agents/agent-driver.ts";
import { createDriver } from "../../agents/index.ts";
import { createSecretRedactor } from "../../agents/secret-redactor.ts";
import { aClaim, silentLogger } from "../../base/testing/fakes.ts";
import { createSandboxFactory } from "../../sandbox/sandbox-factory.ts";
import { createGit } from "../../workspace/git.ts";
import type { GitCredential } from "../../workspace/git-secrets.ts";
import { executionLayout, removeTree } from "../../workspace/layout.ts";
import { createAgentServices } from "../agent-services/agent-services.ts";
import { createRelayOpener } from "../agent-services/open-agent-relay.ts";
import { RequestDesk } from "../decisions/request-desk.ts";
import type { ExecutionContext } from "../execution-context.ts";
import type { ExecutorSettings } from "../executor-channel.ts";
import { LogStreamer } from "../log-streamer.ts";
import { MetricsRecorder } from "../metrics.ts";
import { People } from "../people.ts";
import { ProgressReporter } from "../progress.ts";
import { runWorkOrder } from "../run-work-order.ts";
import { StopRequest } from "../stop-request.ts";
import { WaitingTime } from "../waiting-time.ts";
import { MemoryBackend } from "./memory-backend.ts";

const brokenSum = "export const sum = (a, b) => a - b;\n";
export const soundSum = "export const sum = (a, b) => a + b;\n";
const files = {
  "package.json": JSON.stringify({ name: "sums", type: "module", scripts: { test: "node --test" } }),
  "src/sum.js": brokenSum,
  "test/zero.test.js": `import test from "node:test";\nimport assert from "node:assert";\nimport { sum } from "../src/sum.js";\ntest("adds zero", () => assert.equal(sum(1, 0), 1));\n`,
  "AGENTS.md": "Be brief.",
  "README.md": "# Sums\n\nAdds numbers.\n",
};

const builtRelay = fileURLToPath(new URL("../../../dist/relay-main.js", import.meta.url));

/** Documentation is judged without running tests, which most tests can do without. */
export const describeSums = "printf '# Sums\\n\\nAdds two numbers.\\n' > GUIDE.md";

/** One execution, ready to run, and what it talks to. */
export interface World {
  readonly claim: Claim;
  readonly backend: MemoryBackend;
  readonly context: ExecutionContext;
  readonly stop: StopRequest;
  readonly prompts: string[];
}

export interface SetUp {
  /** The agent: a shell script. */
  readonly script?: string;
  readonly driver?: AgentDriver;
  readonly type?: TaskType;
  readonly claim?: Partial<Claim>;
  readonly settings?: Partial<RepositorySettings>;
  readonly workspaceBytesMax?: number;
  readonly timeoutSeconds?: number;
  readonly backend?: MemoryBackend;
  readonly worker?: string;
  readonly payload?: Record<string, unknown>;
  readonly branchName?: string;
  readonly liveMsMax?: number;
  readonly credential?: GitCredential;
  readonly testEnvironment?: Readonly<Record<string, string>>;
}

/** Makes executions of one work order after the other over a small repository. */
export const useOrderWorld = () => {
  const dir = useTempDir();
  const upstream = () => join(dir(), "upstream");

  const aWorld = async (setUp: SetUp = {}): Promise<World> => {
    if (!existsSync(upstream())) await createRepository(upstream(), files);
    const backend = setUp.backend ?? new MemoryBackend();
    const base = aClaim();
    const claim: Claim = {
      ...base,
      task: {
        ...base.task,
        id: backend.taskId,
        type: setUp.type ?? "docs",
        branchName: setUp.branchName ?? null,
      },
      workOrder: {
        ...base.workOrder,
        timeoutSeconds: setUp.timeoutSeconds ?? 60,
        payload: setUp.payload ?? {},
      },
      repository: {
        ...base.repository,
        url: upstream(),
        canonicalKey: upstream(),
        settings: { ...base.repository.settings, ...setUp.settings },
      },
      preAllowed: [{ toolClass: "command", ruleId: "test" }],
      ...setUp.claim,
    };
    const dataDir = join(dir(), setUp.worker ?? "worker");
    const settings: ExecutorSettings = {
      serverUrl: "http://127.0.0.1:9",
      dataDir,
      workerName: "w",
      isLocalMode: true,
      allowsPrivateHosts: true,
      agent: null,
      sandbox: "none",
      limits: {
        stepsMax: 10,
        tokensMax: 100_000,
        workspaceBytesMax: setUp.workspaceBytesMax ?? 1_000_000_000,
        diskFreeBytesMin: 0,
      },
      stopGraceMs: 500,
      waiting: { liveMsMax: setUp.liveMsMax ?? 0, pollSeconds: 1 },
      logLevel: "silent",
    };
    const layout = executionLayout(dataDir, claim.executionId);
    mkdirSync(layout.spool, { recursive: true });
    const stop = new StopRequest();
    const secrets = [claim.attemptToken, ...Object.values(setUp.testEnvironment ?? {})];
    const onLeaseLost = () => stop.request("lease_lost", "test");
    const log = new LogStreamer({
      spoolPath: join(layout.spool, "log.ndjson"),
      send: (chunk) => backend.appendLog(chunk),
      secrets,
      onLeaseLost,
      logger: silentLogger,
      clock: systemClock,
      sleep,
    });
    onTestFinished(async () => {
      await log.close();
      await removeTree(layout.root);
    });
    const waiting = new WaitingTime(systemClock);
    const prompts: string[] = [];
    const own =
      setUp.driver ?? createDriver({ driver: "command", argv: ["sh", "-c", setUp.script ?? describeSums] });
    const driver: AgentDriver = {
      ...own,
      run: (input) => {
        prompts.push(input.instruction);
        return own.run(input);
      },
    };
    const toolPath = process.env.PATH ?? "";
    const progress = new ProgressReporter({
      ...{ api: backend, onLeaseLost, logger: silentLogger, signal: stop.lease },
    });
    const speaking = {
      ...{ secrets, clock: systemClock, sleep, signal: stop.work, onLeaseLost },
      say: (level: "info" | "warn", message: string, metadata?: Record<string, unknown>) =>
        log.say("agent", level, message, metadata),
    };
    const desk = new RequestDesk({ ...speaking, ...settings.waiting, api: backend.decisions, waiting });
    const services = createAgentServices({ ...speaking, api: backend.services, progress });
    const context: ExecutionContext = {
      claim,
      settings,
      api: backend,
      layout,
      git: createGit({
        ...{ toolPath, isLocalMode: true, allowsPrivateHosts: true, tempDir: layout.host },
        credential: setUp.credential ?? null,
      }),
      testEnvironment: setUp.testEnvironment ?? {},
      redactor: createSecretRedactor(secrets),
      sandboxes: createSandboxFactory("none", { acceptNoSandbox: true, toolPath }),
      createDriver: () => driver,
      log,
      progress,
      metrics: new MetricsRecorder(systemClock),
      stop,
      waiting,
      desk,
      services,
      openRelay: createRelayOpener({
        ...{ entry: builtRelay, directory: layout.relay, desk, services, logger: silentLogger },
        ...{ ...settings.waiting, clock: systemClock, sleep, signal: stop.work },
      }),
      people: new People({
        api: backend.people,
        secrets,
        onLeaseLost,
        logger: silentLogger,
        signal: stop.lease,
      }),
      open: new Set(),
      logger: silentLogger,
    };
    return { claim, backend, context, stop, prompts };
  };
  const runOf = async (setUp: SetUp = {}) => {
    const world = await aWorld(setUp);
    return { ...world, result: await runWorkOrder(world.context) };
  };
  return { dir, upstream, aWorld, runOf };
};
