import { join } from "node:path";
import { createClient } from "@agentvine/client";
import { type Claim, endpoints, type RequestRaiseInput, type WorkerRequest } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { createRepository, startBackend, tempDir, waitUntil } from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type HandWorker, handWorker } from "../testing/hand-worker.ts";
import { runCommand } from "../testing/run-command.ts";

let folder: Awaited<ReturnType<typeof tempDir>>;
let backend: Awaited<ReturnType<typeof startBackend>>;
let worker: HandWorker;
let repository: string;

beforeAll(async () => {
  folder = await tempDir();
  backend = await startBackend();
  worker = await handWorker(backend.url, backend.token);
  repository = (await createRepository(join(folder.path, "shop"), { "a.txt": "a\n" })).path;
});

afterAll(async () => {
  await backend?.stop();
  await folder[Symbol.asyncDispose]();
});

const run = (args: readonly string[]) =>
  runCommand({ serverUrl: backend.url, token: backend.token }, args, {});
const client = () => createClient({ baseUrl: backend.url, token: backend.token });

async function attempt(title = "Mend it", by = worker): Promise<Claim> {
  await client().call(endpoints.tasks.create, {
    body: { title, type: "bugfix", repositoryUrl: repository },
  });
  return await by.claim();
}

const raise = (claim: Claim, change: Partial<RequestRaiseInput>): Promise<WorkerRequest> =>
  client().call(endpoints.workerRequests.raise, {
    token: claim.attemptToken,
    body: {
      workOrderId: claim.workOrder.id,
      attempt: claim.attempt,
      callId: newId(),
      kind: "question",
      question: "?",
      ...change,
    },
  });

const toRun = (command: string): Partial<RequestRaiseInput> => ({
  kind: "approval",
  question: `run_command (network): ${command}`,
  approval: {
    subject: "tool_call",
    tool: "run_command",
    toolClass: "network",
    arguments: { command },
    command,
    paths: [],
  },
});

describe("inbox list", () => {
  it("says so when nothing waits", async () => {
    expect(await run(["inbox", "list"])).toMatchObject({ code: 0, stdout: "nothing waits for an answer\n" });
  });

  it("shows who asks what, the longest waiting first, with the exact command and no terminal tricks", async () => {
    const claim = await attempt("Evil \u001b]0;title\u0007task");
    const first = await raise(claim, toRun("curl \u001b[2J https://example.org"));
    const second = await raise(claim, { question: "Which port?" });
    const { stdout, code } = await run(["inbox", "list", "--task", claim.task.id]);
    expect(code).toBe(0);
    expect(stdout).toContain(first.id.slice(-8));
    expect(stdout).toContain("run_command: curl");
    expect(stdout.indexOf(first.id.slice(-8))).toBeLessThan(stdout.indexOf(second.id.slice(-8)));
    expect(stdout).not.toContain("\u001b");
    const approvals = await run(["inbox", "list", "--kind", "approval", "--json"]);
    expect(JSON.parse(approvals.stdout).items.map(({ id }: WorkerRequest) => id)).toEqual([first.id]);
    const shown = await run(["inbox", "show", first.id.slice(-8)]);
    expect(shown.stdout).toMatch(/asks\s+run_command \(network\)/);
    expect(shown.stdout).toMatch(/routed by\s+rule \S+, policy 1/);
  });

  it("tells of results that wait for a review, and how to list them", async () => {
    const claim = await attempt("Await a review");
    await worker.succeed(claim, "diff --git a/a.txt b/a.txt\n");
    const ofTask = await run(["inbox", "list", "--task", claim.task.id]);
    expect(ofTask.stderr).toContain("also 1 result to review: agentvine task list --status in_review");
    expect((await run(["inbox", "list", "--settled"])).stderr).not.toContain("to review");
    const listed = await run(["task", "list", "--status", "in_review"]);
    expect(listed.stdout).toContain("Await a review");
  });
});

describe("inbox answer", () => {
  let claim: Claim;
  beforeAll(async () => {
    claim = await attempt();
  });

  it("allows an approval, and tells a second person whose answer stands", async () => {
    const request = await raise(claim, toRun("curl https://example.org/a"));
    const { code, stdout } = await run(["inbox", "answer", request.id, "--allow", "--comment", "fine"]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${request.id}  allowed by Local user (fine)\n` });
    const late = await run(["inbox", "answer", request.id, "--deny"]);
    expect(late.code).not.toBe(0);
    expect(late.stderr).toMatch(/already answered by Local user.*\(worker_request\.settled\)/);
  });

  it("allows a changed command", async () => {
    const request = await raise(claim, toRun("curl https://example.org/b"));
    const { stdout } = await run([
      "inbox",
      "answer",
      request.id,
      "--edit",
      "curl -I https://example.org/b",
      "--json",
    ]);
    expect(JSON.parse(stdout).answer).toMatchObject({
      decision: "allow",
      editedCommand: "curl -I https://example.org/b",
    });
  });

  it("with the scope rule proposes one, shows it with its replay, and it is accepted or dismissed from there", async () => {
    const asked = await raise(claim, toRun("curl https://example.org/status"));
    const answered = await run(["inbox", "answer", asked.id, "--allow", "--scope", "rule"]);
    expect(answered.code).toBe(0);
    expect(answered.stdout).toMatch(/commands:\n\s+- curl https:\/\/example.org\/status/);
    expect(answered.stdout).toMatch(
      /curl https:\/\/example.org\/status\s.*human \(\S+\)\s+allow \(allow\.curl-/,
    );
    expect(answered.stdout).toMatch(/past requests looked at, 1 would be decided differently/);
    const { stdout: listed } = await run(["policy", "proposals"]);
    const id = /^([0-9a-f]{8}) .*allow\.curl-https-example-org-status\..* open$/m.exec(listed)?.[1] ?? "";
    expect(id).toHaveLength(8);
    expect((await run(["policy", "proposals", id])).stdout).toContain("with the rule");
    const accepted = await run(["policy", "accept", id, "--comment", "harmless"]);
    expect(accepted.stdout).toMatch(/\(active\).*harmless/);
    expect(accepted.stderr).toMatch(/\+\s+- curl https:\/\/example.org\/status/);
    expect((await run(["policy", "dismiss", id])).stderr).toContain("rule_proposal.decided");
    expect((await run(["policy", "proposals"])).stdout).toBe("no rule is proposed\n");
    expect((await run(["policy", "proposals", "--all"])).stdout).toContain("accepted by local, version 2");
  });

  it("shows how many ask the same, and answers them together", async () => {
    const command = `curl https://example.org/${newId()}`;
    const another = await handWorker(backend.url, backend.token, "by-another-hand");
    const claims = [
      await attempt("One", another),
      await attempt("Two", another),
      await attempt("Three", another),
    ];
    const [first] = await Promise.all(claims.map((one) => raise(one, toRun(command))));
    const other = await raise(claim, toRun(`${command}/other`));
    const { stdout } = await run(["inbox", "list", "--json"]);
    const counts = (JSON.parse(stdout) as { items: WorkerRequest[] }).items.map((one) => [
      one.id,
      one.alikeCount,
    ]);
    expect(Object.fromEntries(counts)).toMatchObject({ [first?.id ?? ""]: 2, [other.id]: 0 });
    expect((await run(["inbox", "list"])).stdout).toMatch(/approval\s+human\s.*\s\+2\s/);
    const answered = await run(["inbox", "answer", first?.id ?? "", "--allow", "--alike"]);
    expect(answered.code).toBe(0);
    expect(answered.stdout.trim().split("\n")).toEqual(
      ["One", "Two", "Three"].map((title) => expect.stringContaining(`  ${title}  allowed by Local user`)),
    );
    expect((await run(["inbox", "show", other.id])).stdout).toMatch(/status\s+human/);
    await run(["inbox", "answer", other.id, "--deny"]);
    const late = await run(["inbox", "answer", first?.id ?? "", "--allow", "--alike"]);
    expect(late.code).toBe(1);
    expect(late.stdout).toContain("worker_request.settled");
  });

  it("with the scope rule says why there is none, and the answer stands", async () => {
    const asked = await raise(claim, toRun("curl $URL"));
    const { code, stdout } = await run(["inbox", "answer", asked.id, "--deny", "--scope", "rule"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/denied by Local user\nNo rule is proposed: only the shell can tell/);
    expect((await run(["policy", "proposals", "ffffffff"])).stderr).toContain("rule_proposal.not_found");
  });

  it("answers a question in words, or by the number of an option", async () => {
    const words = await raise(claim, { question: "Which port?" });
    expect((await run(["inbox", "answer", words.id, "80, as always"])).stdout).toContain(
      "answered by Local user: 80, as always",
    );
    const options = [
      { id: "line", label: "per line" },
      { id: "cart", label: "per cart" },
    ];
    const choice = await raise(claim, { question: "Rounded how?", options });
    expect((await run(["inbox", "answer", choice.id, "--choice", "2"])).stdout).toContain("per cart");
  });

  it.each([
    ["nothing", [], "takes --allow, --deny or --edit"],
    ["both", ["--allow", "--deny"], "either --allow or --deny"],
    ["a choice", ["--allow", "--choice", "1"], "no choice"],
    ["a denial that changes", ["--deny", "--edit", "ls"], "leave out --deny"],
    ["an unknown scope", ["--allow", "--scope", "always"], "--scope is one of once, task, rule"],
  ])("refuses %s for an approval, and says what it takes", async (_name, flags, message) => {
    const request = await raise(claim, toRun(`curl https://example.org/${newId()}`));
    const { code, stderr } = await run(["inbox", "answer", request.id, ...flags]);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    const { status } = await client().call(endpoints.workerRequests.get, {
      params: { requestId: request.id },
    });
    expect(status).toBe("human");
  });

  it("refuses what does not fit a question, and an id that is none", async () => {
    const request = await raise(claim, { question: `Why ${newId()}?` });
    for (const [flags, message] of [
      [["--allow"], "answered in words"],
      [[], "give an answer in words"],
      [["--choice", "1"], "no options are offered"],
    ] as const) {
      const { code, stderr } = await run(["inbox", "answer", request.id, ...flags]);
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) });
    }
    expect((await run(["inbox", "show", "ffffffffff"])).stderr).toContain("worker_request.not_found");
    expect((await run(["inbox", "show", "no id"])).code).toBe(2);
  });
});

describe("inbox list beside a controller", () => {
  it("lists what waits for people alone, says what a controller has, and shows that with --all", async () => {
    const { version } = await client().call(endpoints.policies.active);
    const yaml = "rules:\n  - { id: model, effect: automated, kinds: [question] }\n";
    await client().call(endpoints.policies.create, { body: { yaml, basedOnVersion: version } });
    const claim = await attempt("Beside a controller");
    const list = async (...flags: string[]) =>
      await run(["inbox", "list", "--task", claim.task.id, ...flags]);
    const { asked, all, plain } = await waitUntil(async () => {
      const asked = await raise(claim, { question: `Which port? ${newId()}` });
      const [all, plain] = [await list("--all"), await list()];
      const now = await client().call(endpoints.workerRequests.get, { params: { requestId: asked.id } });
      // Within seconds it is a person's; then it is too late to look.
      return now.status === "automated" ? { asked, all, plain } : undefined;
    });
    const id = asked.id.slice(-8);
    expect(all.stdout).toMatch(new RegExp(`${id}\\s+question\\s+with the controller`));
    expect(plain.stdout).not.toContain(id);
    expect(plain.stderr).toContain("also 1 request with the controller: agentvine inbox list --all");
    expect((await list("--all", "--settled")).code).toBe(2);
    await waitUntil(async () => (await list("--mine")).stdout.includes(id), { timeoutMs: 30_000 });
    await run(["inbox", "answer", id, "80"]);
  });
});
