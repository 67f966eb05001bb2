import { once } from "node:events";
import { existsSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { join } from "node:path";
import { deferred } from "@agentvine/kit";
import { useTempDir, waitUntil } from "@agentvine/testkit";
import { describe, expect, it, onTestFinished } from "vitest";
import { findTagged } from "../process/process-table.ts";
import { processTags } from "../process/sweep-processes.ts";
import { openRelay } from "./open-relay.ts";
import type { RelayCall, RelayReply } from "./relay-protocol.ts";
import type { RelaySocketOptions } from "./relay-socket.ts";
import { builtRelay, rawConnection, startRelay } from "./testing/relay-client.ts";

const echo = async ({ tool, arguments: given }: RelayCall): Promise<RelayReply> => ({
  ...{ isError: false, text: `${tool}: ${JSON.stringify(given).length}`, data: { ...given } },
});

describe("the relay", { timeout: 60_000 }, () => {
  const dir = useTempDir();

  const aRelay = async (handle: RelaySocketOptions["handle"] = echo, directory = dir()) => {
    const relay = await openRelay({ entry: builtRelay, directory, handle });
    onTestFinished(() => relay.close());
    const path = relay.server.args[1] ?? "";
    return { relay, path };
  };
  const line = (id: number, tool = "get_context", given: object = {}) =>
    `${JSON.stringify({ type: "call", id, tool, arguments: given })}\n`;

  it("hands each call on as it came, and the answers back, whoever else calls at the same time", async () => {
    const held = deferred<void>();
    const { relay, path } = await aRelay(async (call) => {
      if (call.arguments.question === "slow") await held.promise;
      return await echo(call);
    });
    const [one, two] = await Promise.all([startRelay(path), startRelay(path)]);
    const slow = one.call("ask_controller", { question: "slow", extra: { a: [1] } });
    expect(await two.call("ask_controller", { question: "quick" })).toMatchObject({
      data: { question: "quick" },
    });
    held.resolve();
    expect(await slow).toMatchObject({ isError: false, data: { question: "slow", extra: { a: [1] } } });
    expect(relay.hasListed()).toBe(false);
    const { tools } = await two.client.listTools();
    expect(tools.map(({ name }) => name)).toEqual([
      "ask_controller",
      "get_context",
      "report_progress",
      "create_subtask",
    ]);
    for (const tool of tools) expect(tool.inputSchema.type).toBe("object");
    await waitUntil(() => relay.hasListed());
  });

  it("answers initialize and the list of tools though nobody is there, and a call with what is wrong", async () => {
    const { client, call } = await startRelay(join(dir(), "nobody"));
    expect((await client.listTools()).tools).toHaveLength(4);
    expect(await call("get_context")).toMatchObject({
      isError: true,
      text: expect.stringMatching(/can't be reached.*Nothing was asked/),
    });
  });

  it("answers initialize and the list of tools though whoever is there says nothing", async () => {
    const path = join(dir(), "silent");
    const silent = createServer(() => undefined).listen(path);
    onTestFinished(() => {
      silent.close();
    });
    const { client } = await startRelay(path);
    expect((await client.listTools()).tools).toHaveLength(4);
  });

  it("tells the executor that a call was cancelled", async () => {
    const started = deferred<AbortSignal>();
    const { path } = await aRelay(async (_call, signal) => {
      started.resolve(signal);
      return await new Promise<RelayReply>(() => undefined);
    });
    const { client } = await startRelay(path);
    const cancel = new AbortController();
    const call = client.callTool({ name: "get_context", arguments: {} }, undefined, {
      signal: cancel.signal,
    });
    const signal = await started.promise;
    cancel.abort("enough");
    await expect(call).rejects.toThrow();
    await waitUntil(() => signal.aborted);
  });

  it("is gone when the turn is closed, with its folder; what comes later is refused", async () => {
    const started = deferred<AbortSignal>();
    const { relay, path } = await aRelay(async (_call, signal) => {
      started.resolve(signal);
      return await new Promise<RelayReply>(() => undefined);
    });
    const { call, closed } = await startRelay(path, { ...relay.server.env });
    expect(findTagged(`${processTags.relay}=${path}`)).toHaveLength(1);
    const cut = expect(call("get_context")).rejects.toThrow();
    const signal = await started.promise;
    await relay.close();
    expect(signal.aborted).toBe(true);
    expect(findTagged(`${processTags.relay}=${path}`)).toEqual([]);
    expect([existsSync(relay.configPath), existsSync(path)]).toEqual([false, false]);
    await cut;
    await closed;
    await expect(rawConnection(path)).rejects.toThrow();
    expect(await (await startRelay(path)).call("get_context")).toMatchObject({ isError: true });
    await relay.close();
  });

  it("is gone also when it can't hear that the turn is closed", async () => {
    const { relay, path } = await aRelay();
    const { pid, call } = await startRelay(path, { [processTags.relay]: path });
    await call("get_context");
    process.kill(pid, "SIGSTOP");
    await relay.close();
    expect(findTagged(`${processTags.relay}=${path}`)).toEqual([]);
  });

  it("finds a short place for its socket when the folder's path is too long for one", async () => {
    const long = join(dir(), "x".repeat(100));
    const { path } = await aRelay(echo, long);
    expect(Buffer.byteLength(path)).toBeLessThanOrEqual(100);
    expect((await (await startRelay(path)).call("get_context")).isError).toBe(false);
  });

  describe("against whoever sends what it likes", () => {
    it("passes over lines that are no messages, and serves the next", async () => {
      const { path } = await aRelay();
      const { socket, heard } = await rawConnection(path);
      socket.write(
        `nonsense\n{"type":"call"}\n[]\n${line(-1)}{"type":"call","id":1,"tool":"x","arguments":3}\n`,
      );
      socket.write(line(7));
      await waitUntil(() => heard.length === 6);
      expect(heard.map(({ type }) => type)).toEqual([...Array(5).fill("refused"), "result"]);
      expect(heard.at(-1)).toMatchObject({ id: 7 });
    });

    it("ends a connection that sends nothing but nonsense, and serves the others", async () => {
      const { path } = await aRelay();
      const [bad, good] = [await rawConnection(path), await rawConnection(path)];
      const ended = new Promise((resolve) => bad.socket.once("close", resolve));
      bad.socket.write("nonsense\n".repeat(500));
      await ended;
      good.socket.write(line(1));
      await waitUntil(() => good.heard.length === 1);
      expect(good.heard).toMatchObject([{ type: "result", id: 1 }]);
    });

    it("passes over a line that is too long, keeping nothing of it", async () => {
      const { path } = await aRelay();
      const { socket, heard } = await rawConnection(path);
      for (let megabyte = 0; megabyte < 8; megabyte += 1) socket.write("x".repeat(1024 * 1024));
      socket.write(`\n${line(1)}`);
      await waitUntil(() => heard.length === 2);
      expect(heard).toMatchObject([
        { type: "refused", reason: expect.stringMatching(/2097152 bytes/) },
        { type: "result", id: 1 },
      ]);
    });

    it("takes so many calls at once and no two under one number, and says so", async () => {
      const held = deferred<void>();
      const { path } = await aRelay(async (call) => {
        await held.promise;
        return await echo(call);
      });
      const { socket, heard } = await rawConnection(path);
      socket.write(line(1));
      socket.write(line(1));
      for (let id = 2; id <= 9; id += 1) socket.write(line(id));
      await waitUntil(() => heard.length === 2);
      expect(heard).toMatchObject([
        { type: "refused", reason: expect.stringMatching(/id 1 is in use/) },
        { type: "result", id: 9, isError: true, text: expect.stringMatching(/^8 calls/) },
      ]);
      held.resolve();
      await waitUntil(() => heard.length === 10);
    });

    it("takes so many connections, and has room again when one ends", async () => {
      const { path } = await aRelay();
      const all = await Promise.all(Array.from({ length: 8 }, () => rawConnection(path)));
      for (const { socket } of all) socket.write(line(1));
      await waitUntil(() => all.every(({ heard }) => heard.length === 1));
      const refused = await startRelay(path);
      expect(await refused.call("get_context")).toMatchObject({
        isError: true,
        text: expect.stringMatching(/8 connections already|can't be reached/),
      });
      all[0]?.socket.destroy();
      await waitUntil(async () => !(await refused.call("get_context")).isError);
    });

    it("cuts off whoever asks and does not read the answers", async () => {
      let answered = 0;
      const { path } = await aRelay(async () => {
        answered += 1;
        return { isError: false, text: "x".repeat(500_000), data: null };
      });
      const socket = createConnection(path);
      await once(socket, "connect");
      socket.on("error", () => undefined);
      for (let id = 0; id < 8; id += 1) socket.write(line(id));
      await waitUntil(() => answered === 8);
      let bytes = 0;
      socket.on("data", (chunk) => {
        bytes += chunk.length;
      });
      await once(socket, "close");
      expect(bytes).toBeLessThan(8 * 500_000);
      const { socket: other, heard } = await rawConnection(path);
      other.write(line(1));
      await waitUntil(() => heard.length === 1);
    });

    it("refuses what fits into no line and names the field, before it is sent", async () => {
      const { path } = await aRelay();
      const { call } = await startRelay(path);
      const reply = await call("ask_controller", { question: "x".repeat(3_000_000), context: "short" });
      expect(reply).toMatchObject({
        isError: true,
        text: expect.stringMatching(/- question: has 30000\d\d characters, 2097152 bytes .*: be brief/),
      });
      expect((await call("get_context")).isError).toBe(false);
    });
  });
});
