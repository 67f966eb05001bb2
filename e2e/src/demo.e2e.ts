import { chmod, chown, mkdir } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkout, launch, run, untilSaid } from "./support/agentvine.ts";
import { copyCheckout } from "./support/checkout-copy.ts";
import {
  type DemoTask,
  filesOf,
  publishedCommit,
  readDemoResult,
  testPublished,
} from "./support/demo-result.ts";
import { describeProcesses, isRoot } from "./support/processes.ts";
import { useSharedTemp } from "./support/temp-home.ts";

/** Listens where a real model's API would and counts who comes. */
class TrapServer {
  readonly #server: Server;
  requests = 0;

  private constructor(server: Server) {
    this.#server = server;
    server.on("connection", () => {
      this.requests += 1;
    });
  }

  static async start(): Promise<TrapServer> {
    const server = createServer((_request, response) => response.end());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new TrapServer(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const taskTypes = ["bugfix", "docs", "feature", "test"];
const nobody = 65_534;

const taskOf = (tasks: readonly DemoTask[], type: DemoTask["type"]): DemoTask => {
  const task = tasks.find((candidate) => candidate.type === type);
  if (task === undefined) throw new Error(`there is no ${type} task`);
  return task;
};

/** What every run of the demo must end with. */
async function expectFourVerifiedBranches(stdout: string, stderr: string): Promise<DemoTask[]> {
  const { ok, tasks, requests } = readDemoResult(stdout);
  expect({ ok, stderr: ok ? "" : stderr }).toEqual({ ok: true, stderr: "" });
  expect(tasks.map(({ type }) => type).toSorted()).toEqual(taskTypes);
  for (const task of tasks) {
    expect(task).toMatchObject({ status: "completed", outcome: "succeeded" });
    expect(task.evidence.verification).toBe("passed");
    expect(task.branch).toBe(`agentvine/${task.id}/a${task.attempts}`);
    expect(await publishedCommit(task)).toBe(task.commit);
  }
  expect(requests.map(({ taskType, source, by }) => [taskType, source, by]).toSorted()).toEqual([
    ["docs", "rule", "rule demo.run-examples"],
    ["feature", "controller", "the controller local"],
    ["test", "person", "stand-in person"],
  ]);
  expect(requests.flatMap(({ citations }) => citations)).toMatchObject([
    { title: "House rules for options", kind: "document", version: 1 },
  ]);
  expect(stderr).toContain("scripted model: says nothing about model quality");
  return tasks;
}

/** The agent cheated first, was refused with the reason, and then mended the cause. */
function expectRefusedCheat(bugfix: DemoTask, stderr: string): void {
  expect(stderr).toMatch(/bugfix\s+refused\s+gate round 1: .*package\.json.*"node --test \|\| true"/);
  expect(bugfix.evidence.round).toBe(2);
  expect(bugfix.evidence.tests?.redToGreen).toEqual(["test/cart.test.js > a cart is charged to the cent"]);
  expect(bugfix.evidence.files.map(({ path }) => path)).toEqual(["src/money.js"]);
  expect(stderr).toContain("+  return Math.round(price * 100);");
}

function expectRisenCoverage(test: DemoTask, stderr: string): void {
  const { beforePercent, afterPercent } = test.evidence.coverage ?? {};
  expect(beforePercent).toBeLessThan(afterPercent ?? 0);
  expect(stderr).toMatch(/test\s.*coverage.*\d+(\.\d+)? %.*\d+(\.\d+)? %/i);
}

describe("agentvine demo", () => {
  const temp = useSharedTemp();
  let trap: TrapServer;
  beforeEach(async () => {
    trap = await TrapServer.start();
  });
  afterEach(() => trap.stop());

  /** Keys and addresses of real models, all of which lead to the trap. */
  const keys = (): Record<string, string> => ({
    ANTHROPIC_API_KEY: "sk-ant-not-a-key",
    OPENAI_API_KEY: "sk-not-a-key",
    AGENTVINE_MODEL_API_KEY: "not-a-key",
    ANTHROPIC_BASE_URL: trap.url,
    OPENAI_BASE_URL: trap.url,
    AGENTVINE_MODEL: "anthropic/claude-sonnet-5-5",
    AGENTVINE_MODEL_BASE_URL: trap.url,
  });

  it("turns four tasks into verified branches and never uses a key it finds", async () => {
    const first = await run(["demo", "--once", "--json"], { temp: temp(), env: { ...keys(), HOME: "" } });
    expect({ code: first.code, stderr: first.code === 0 ? "" : first.stderr }).toEqual({
      code: 0,
      stderr: "",
    });
    expect(describeProcesses(temp())).toEqual([]);
    const tasks = await expectFourVerifiedBranches(first.stdout, first.stderr);
    expectRefusedCheat(taskOf(tasks, "bugfix"), first.stderr);
    expectRisenCoverage(taskOf(tasks, "test"), first.stderr);
    expect(await filesOf(taskOf(tasks, "docs"))).toContain("README.md");
    await Promise.all(
      (["bugfix", "feature", "test"] as const).map((type) => testPublished(taskOf(tasks, type), temp())),
    );

    expect(trap.requests).toBe(0);
  });

  it("asks whoever sits at the terminal, goes on with what they say, and stays up for a look", async () => {
    const command = `${process.execPath} ${join(checkout, "cli/bin/agentvine.js")} demo`;
    // A terminal of its own: what is typed into `script` is typed there.
    const demo = launch(["-qfec", command, "/dev/null"], {
      temp: temp(),
      program: "script",
      env: { ...keys(), HOME: join(temp(), "new-home"), NO_COLOR: "1" },
    });
    await untilSaid(demo, /answer with allow, deny/);
    demo.type("deny not today\r");
    await untilSaid(demo, /4 of 4 tasks completed/);
    expect(demo.stdout()).toMatch(/test +approval +node --test .*denied by you/);
    expect(demo.stdout()).toMatch(/docs +approval +.*allowed by rule demo\.run-examples/);
    const [, url] = await untilSaid(demo, /still up at (http:\/\/127\.0\.0\.1:\d+)/);
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    expect(describeProcesses(temp()).join("\n")).toContain("postgres");
    demo.type("\u0003");
    await demo.exited;
    expect(describeProcesses(temp())).toEqual([]);
    expect(trap.requests).toBe(0);
  });

  it("ends with everything it started when it is interrupted on the way", async () => {
    const demo = launch(["demo", "--once", "--json"], { temp: temp() });
    await untilSaid(demo, /run_command/);
    demo.signal("SIGINT");
    expect((await demo.exited).code).toBe(130);
    expect(describeProcesses(temp())).toEqual([]);
    expect(demo.stdout()).toBe("");
  });

  it("refuses a real model without a sandbox and says what to do", async () => {
    const { code, stdout, stderr } = await run(["demo", "--once", "--model", "anthropic/claude-sonnet-5-5"], {
      temp: temp(),
      env: keys(),
    });
    expect(code).not.toBe(0);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^agentvine: .*--accept-no-sandbox.*\(sandbox\.unavailable\)$/m);
    expect(trap.requests).toBe(0);
  });

  it("works from a clone below a private folder, without HOME", async () => {
    const folder = join(temp(), "private");
    const root = await copyCheckout(join(folder, "agentvine"));
    await chmod(folder, 0o700);
    const { code, stdout, stderr } = await run(["demo", "--once", "--json"], {
      temp: temp(),
      root,
      cwd: root,
      env: { HOME: undefined },
    });
    await expectFourVerifiedBranches(stdout, stderr);
    expect(code).toBe(0);
  });

  it.runIf(isRoot)("works for a user without an account's home or any right on the clone", async () => {
    const root = await copyCheckout(join(temp(), "agentvine"));
    const home = join(temp(), "home");
    await mkdir(home, { mode: 0o700 });
    await chown(home, nobody, nobody);
    const { code, stdout, stderr } = await run(["demo", "--once", "--json"], {
      temp: temp(),
      root,
      cwd: "/",
      uid: nobody,
      env: { HOME: home },
    });
    await expectFourVerifiedBranches(stdout, stderr);
    expect(code).toBe(0);
  });
});
