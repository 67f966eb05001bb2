import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Client, createClient } from "@agentvine/client";
import { type Claim, endpoints } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import {
  type BackendProcess,
  createRepository,
  startBackend,
  useTempDir,
  waitUntil,
} from "@agentvine/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mcpAgent } from "../relay/testing/relay-client.ts";
import { runExecutor } from "./executor.ts";
import type { ExecutorSettings, FromExecutor, ToExecutor } from "./executor-channel.ts";

describe("runExecutor", { timeout: 60_000 }, () => {
  const dir = useTempDir();
  let backend: BackendProcess;
  let workers: Client;
  let people: Client;
  beforeAll(async () => {
    backend = await startBackend();
    people = createClient({ baseUrl: backend.url, token: backend.token });
    const key = (await readFile(join(backend.home, "worker.key"), "utf8")).trim();
    workers = createClient({ baseUrl: backend.url, token: key });
  });
  afterAll(() => backend?.stop());

  /** A real claim of a real task, as a supervisor would hold it. */
  const aClaim = async (label: string): Promise<Claim> => {
    const instanceId = newId();
    const capabilities = {
      taskTypes: ["docs" as const],
      labels: [label],
      agents: [{ driver: "command" as const, model: null }],
      sandbox: { driver: "none" as const, isConfined: false },
    };
    const { worker } = await workers.call(endpoints.workers.register, {
      body: { name: label, instanceId, version: "0", maxConcurrentTasks: 1, capabilities },
    });
    const upstream = await createRepository(join(dir(), "upstream"), { "README.md": "# A\n\nA thing.\n" });
    await people.call(endpoints.tasks.create, {
      body: {
        title: "Write a guide",
        type: "docs",
        repositoryUrl: upstream.path,
        permissionLevel: "supervised",
        requiredLabels: [label],
      },
    });
    const claim = await workers.call(endpoints.queue.claim, {
      body: {
        workerId: worker.id,
        instanceId,
        taskTypes: ["docs"],
        labels: [label],
        slots: 1,
        waitSeconds: 5,
      },
      idempotencyKey: newId(),
    });
    if (claim === undefined) throw new Error("no claim");
    return claim;
  };

  const settingsOf = (script: string): ExecutorSettings => ({
    serverUrl: backend.url,
    dataDir: join(dir(), "worker"),
    workerName: "w",
    isLocalMode: true,
    allowsPrivateHosts: true,
    agent: { driver: "command", argv: ["sh", "-c", script], isScripted: false },
    sandbox: "none",
    limits: { stepsMax: 10, tokensMax: 10, workspaceBytesMax: 1_000_000_000, diskFreeBytesMin: 0 },
    stopGraceMs: 500,
    waiting: { liveMsMax: 240_000, pollSeconds: 45 },
    logLevel: "silent",
  });

  const anExecutor = () => {
    const said: FromExecutor[] = [];
    let tell: (message: unknown) => void = () => undefined;
    let close: () => void = () => undefined;
    const ended = runExecutor(
      {
        send: async (message) => {
          said.push(message);
        },
        onMessage: (handle) => {
          tell = handle;
        },
        onClose: (handle) => {
          close = handle;
        },
      },
      { modelApiKey: undefined, toolPath: process.env.PATH ?? "" },
      fileURLToPath(new URL("../../dist/relay-main.js", import.meta.url)),
    );
    return {
      said,
      ended,
      tell: (message: ToExecutor) => tell(message),
      close: () => close(),
      heard: (type: FromExecutor["type"]) =>
        waitUntil(() => said.find((message) => message.type === type), { timeoutMs: 30_000 }),
    };
  };

  it("runs the order it is given, hands the result over, and ends when that is kept", async () => {
    const claim = await aClaim("whole");
    const executor = anExecutor();
    await executor.heard("ready");
    executor.tell({ type: "start", claim, settings: settingsOf("printf '# Guide\\n\\nX.\\n' > GUIDE.md") });
    executor.tell({ type: "ping", id: 7 });
    expect(await executor.heard("pong")).toEqual({ type: "pong", id: 7 });
    const message = await executor.heard("result");
    if (message.type !== "result" || message.result.kind !== "complete") {
      throw new Error(JSON.stringify(message, null, 1));
    }
    const body = { workOrderId: claim.workOrder.id, attempt: claim.attempt, result: message.result.result };
    const token = claim.attemptToken;
    const finished = await people.call(endpoints.queue.complete, { token, body });
    expect(finished.status).toBe("completed");
    executor.tell({ type: "result_kept" });
    await executor.ended;
  });

  it.each([
    ["cancel", { type: "cancel", reason: "not needed" }, { kind: "fail", result: { outcome: "cancelled" } }],
    ["drain", { type: "drain", reason: "going" }, { kind: "release", reason: "going" }],
  ] as const)("ends on %s with the result that belongs to it", async (label, message, expected) => {
    const claim = await aClaim(label);
    const executor = anExecutor();
    executor.tell({ type: "start", claim, settings: settingsOf("sleep 60") });
    await waitUntil(
      async () => {
        const params = { executionId: claim.executionId };
        return (await people.call(endpoints.executions.get, { params })).phase === "run";
      },
      { timeoutMs: 30_000 },
    );
    executor.tell(message);
    expect(await executor.heard("result")).toMatchObject({ type: "result", result: expected });
    executor.tell({ type: "result_kept" });
    await executor.ended;
  });

  it("hands nothing over when it is told that the lease is lost, or finds out by itself", async () => {
    const claim = await aClaim("lost");
    const told = anExecutor();
    told.tell({ type: "start", claim, settings: settingsOf("sleep 60") });
    told.tell({ type: "stop", reason: "fenced" });
    await told.ended;
    expect(told.said.map(({ type }) => type)).toEqual(["ready", "lease_lost"]);

    const stale = anExecutor();
    stale.tell({
      type: "start",
      claim: { ...claim, attemptToken: "avt_of-nobody", executionId: newId() },
      settings: settingsOf("sleep 60"),
    });
    await stale.ended;
    expect(stale.said.at(-1)?.type).toBe("lease_lost");
  });

  it("lets a command line ask a person, look up documents, tell and propose by MCP, and shows it no credential", async () => {
    const document = await people.call(endpoints.context.create, {
      body: {
        title: "Writing a guide",
        type: "guide",
        content: `Guides here begin with an example. ${"Be brief. ".repeat(2_500)}The end.`,
      },
    });
    const claim = await aClaim("relay");
    const calls = [
      ["get_context", { query: "how does a guide begin" }],
      ["get_context", { document: document.id }],
      ["get_context", { document: document.id, offset: 20_000 }],
      ["report_progress", { message: "half of it", percent: 50 }],
      ["create_subtask", { title: "Write the other guide", description: "d", type: "docs" }],
      ["ask_controller", { question: "For whom?" }],
    ];
    const look = `for pid in $(grep -lszF AGENTVINE_RELAY= /proc/[0-9]*/environ | cut -d/ -f3); do tr '\\0' ' ' < /proc/$pid/environ; tr '\\0' ' ' < /proc/$pid/cmdline; done`;
    const dump = `(sleep 0; ${look}; env; cat "$AGENTVINE_MCP_CONFIG"; grep -rhasE . "$TMPDIR" "$HOME" "$(dirname "$AGENTVINE_MCP_CONFIG")") > dump.txt 2>&1`;
    const agent = `'${process.execPath}' '${mcpAgent}' '${JSON.stringify(calls)}' & agent=$!; until test -s asked; do sleep 0.1; ${look} > asked; done; ${dump}; cat asked dump.txt > seen.md; rm asked dump.txt; cat seen.md; rm seen.md; wait $agent && printf '# Guide\\n\\nX.\\n' > GUIDE.md`;
    const executor = anExecutor();
    await executor.heard("ready");
    executor.tell({ type: "start", claim, settings: settingsOf(agent) });
    const request = await waitUntil(
      async () => {
        const { items } = await people.call(endpoints.workerRequests.list, { query: { status: "human" } });
        return items.find(({ taskId }) => taskId === claim.task.id);
      },
      { timeoutMs: 40_000 },
    );
    await people.call(endpoints.workerRequests.answer, {
      params: { requestId: request.id },
      body: { generation: request.generation, text: "for beginners" },
    });
    const message = await executor.heard("result");
    executor.tell({ type: "result_kept" });
    await executor.ended;
    if (message.type !== "result" || message.result.kind !== "complete")
      throw new Error(JSON.stringify(message, null, 1));

    const params = { executionId: claim.executionId };
    const { items: lines } = await people.call(endpoints.executions.logs, {
      params,
      query: { limit: 1_000 },
    });
    const log = lines.map((line) => line.message).join("\n");
    expect(log).toContain(`<<<DOCUMENT ${document.id} version 1`);
    expect(log).toContain(`More from offset 20000 of 25043: get_context with`);
    expect(log).toMatch(/Be brief\. The end\.\\n>>>DOCUMENT/);
    expect(log).toContain("for beginners");
    const { items: children } = await people.call(endpoints.tasks.list, {
      query: { parentTaskId: claim.task.id },
    });
    expect(children).toMatchObject([
      { title: "Write the other guide", status: "pending", createdByExecutionId: claim.executionId },
    ]);
    const { items: events } = await people.call(endpoints.tasks.timeline, {
      params: { taskId: claim.task.id },
    });
    expect(events.map(({ data }) => data)).toContainEqual(
      expect.objectContaining({ kind: "note", message: "half of it", percent: 50 }),
    );
    // The relay's own environment and command line, the agent's, and every file it was given.
    expect(log).toMatch(/AGENTVINE_RELAY=\/.*relay-main\.js/s);
    expect(log).toContain("mcpServers");
    expect(log).not.toMatch(/avt_|avk_|\[redacted/i);
  });

  it("runs a command again for what a person wrote while it worked, with the text that came along", async () => {
    const claim = await aClaim("heard");
    const { id: conversationId } = await people.call(endpoints.chat.createConversation, {
      body: { taskId: claim.task.id },
    });
    const [begun, goOn] = [join(dir(), "begun"), join(dir(), "go-on")];
    const work = "printf '# Guide\\n\\nX.\\n' > GUIDE.md";
    const script = `touch '${begun}'; until test -e '${goOn}'; do sleep 0.1; done; ${work}; cat "$AGENTVINE_PROMPT_FILE"`;
    const executor = anExecutor();
    await executor.heard("ready");
    executor.tell({ type: "start", claim, settings: settingsOf(script) });
    await waitUntil(() => existsSync(begun), { timeoutMs: 40_000 });
    const { id: attachmentId } = await people.upload(endpoints.chat.uploadAttachment, {
      params: { conversationId },
      query: { name: "build.log" },
      bytes: Buffer.from("it broke here"),
    });
    await people.call(endpoints.chat.postMessage, {
      params: { conversationId },
      body: { content: "See the attached log.", attachmentIds: [attachmentId] },
    });
    await writeFile(goOn, "");
    const message = await executor.heard("result");
    executor.tell({ type: "result_kept" });
    await executor.ended;
    if (message.type !== "result" || message.result.kind !== "complete")
      throw new Error(JSON.stringify(message, null, 1));
    expect(message.result.result.metrics?.steps).toBe(2);
    expect(JSON.stringify(message.result.result)).toMatch(
      /Message from Local user: See the attached log\..*<quoted source=.{1,2}attachment build\.log.{1,2}>\\nit broke here/,
    );
    const { items } = await people.call(endpoints.chat.listMessages, { params: { conversationId } });
    expect(items.map(({ deliveryStatus }) => deliveryStatus)).toEqual(["delivered"]);
  });

  it("gives up when its supervisor is gone", async () => {
    const claim = await aClaim("orphan");
    const executor = anExecutor();
    executor.tell({ type: "start", claim, settings: settingsOf("sleep 60") });
    executor.close();
    await executor.ended;
    expect(executor.said.some(({ type }) => type === "result")).toBe(false);
  });

  it("says so in a typed result when not even its directories can be made", async () => {
    const claim = await aClaim("no-disk");
    const executor = anExecutor();
    executor.tell({ type: "start", claim, settings: { ...settingsOf("true"), dataDir: "/dev/null/x" } });
    expect(await executor.heard("result")).toMatchObject({
      result: { kind: "fail", result: { failure: "infrastructure", isRetryable: true } },
    });
    executor.tell({ type: "result_kept" });
    await executor.ended;
  });
});
