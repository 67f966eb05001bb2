import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FaultProxy } from "./fault-proxy.ts";
import { waitUntil } from "./wait-until.ts";

let upstream: Server;
let proxy: FaultProxy;
let answered: string[];
let answer: (request: IncomingMessage, reply: ServerResponse) => void;

beforeEach(async () => {
  answered = [];
  answer = (request, reply) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.once("end", () => {
      const body = Buffer.concat(chunks).toString();
      reply.once("finish", () => answered.push(`${request.method} ${request.url}`));
      reply.writeHead(201, { "x-from": "upstream" }).end(`got ${body} at ${request.headers.host}`);
    });
  };
  upstream = createServer((request, reply) => answer(request, reply));
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  proxy = await FaultProxy.start(`http://127.0.0.1:${(upstream.address() as AddressInfo).port}`);
});

afterEach(async () => {
  await proxy.stop();
  upstream.closeAllConnections();
  await new Promise((resolve) => upstream.close(resolve));
});

const post = (path: string): Promise<Response> =>
  fetch(proxy.url + path, { method: "POST", body: "hello", signal: AbortSignal.timeout(5_000) });

describe("FaultProxy", () => {
  it("hands on requests and replies, and counts them", async () => {
    const reply = await post("/a?b=c");
    expect(reply.status).toBe(201);
    expect(reply.headers.get("x-from")).toBe("upstream");
    expect(await reply.text()).toBe(`got hello at 127.0.0.1:${(upstream.address() as AddressInfo).port}`);
    await post("/other");
    expect(proxy.count()).toBe(2);
    expect(proxy.count(({ method, path }) => method === "POST" && path === "/a?b=c")).toBe(1);
    expect(proxy.requests[1]?.path).toBe("/other");
  });

  it("leads requests to another server from the moment it is switched", async () => {
    const other = createServer((_request, reply) => reply.end("from the other"));
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    proxy.switchTo(`http://127.0.0.1:${(other.address() as AddressInfo).port}`);
    expect(await (await post("/a")).text()).toBe("from the other");
    expect(answered).toEqual([]);
    await new Promise((resolve) => other.close(resolve));
  });

  it("cuts the reply after the server has answered, for as many matching requests as asked", async () => {
    proxy.cutReplies(2, ({ path }) => path === "/complete");
    await expect(post("/complete")).rejects.toThrow();
    expect((await post("/other")).status).toBe(201);
    await expect(post("/complete")).rejects.toThrow();
    expect((await post("/complete")).status).toBe(201);
    expect(answered.filter((line) => line === "POST /complete")).toHaveLength(3);
  });

  it("swallows requests as a blackhole and lets the server see none of them", async () => {
    proxy.mode = "blackhole";
    const lost = fetch(proxy.url, { signal: AbortSignal.timeout(100) });
    await expect(lost).rejects.toThrow(/timeout|aborted/);
    expect(proxy.count()).toBe(1);
    expect(answered).toEqual([]);
    proxy.mode = "pass";
    expect((await post("/again")).status).toBe(201);
    expect(proxy.mode).toBe("pass");
  });

  it("swallows only what matches, until told to stop", async () => {
    const stop = proxy.swallow(({ path }) => path === "/complete");
    const lost = fetch(`${proxy.url}/complete`, { signal: AbortSignal.timeout(100) });
    await expect(lost).rejects.toThrow(/timeout|aborted/);
    expect((await post("/other")).status).toBe(201);
    stop();
    expect((await post("/complete")).status).toBe(201);
    expect(answered).toEqual(["POST /other", "POST /complete"]);
  });

  it("silences a reply that is under way when the blackhole opens", async () => {
    const replies: ServerResponse[] = [];
    answer = (_request, reply) => {
      replies.push(reply);
      reply.writeHead(200);
      reply.write("first;");
    };
    const response = await fetch(proxy.url);
    const reader = response.body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe("first;");
    proxy.mode = "blackhole";
    replies[0]?.end("second");
    const next = await Promise.race([
      reader?.read(),
      new Promise((resolve) => setTimeout(resolve, 100, "silence")),
    ]);
    expect(next).toBe("silence");
    await reader?.cancel();
  });

  it("ends open and new connections in drop mode", async () => {
    answer = () => {};
    const open = post("/open");
    await waitUntil(() => proxy.count() === 1);
    proxy.mode = "drop";
    await expect(open).rejects.toThrow();
    await expect(post("/new")).rejects.toThrow();
    expect(proxy.count()).toBe(1);
  });

  it("ends the connection when the server dies in the middle of a reply, or is not there", async () => {
    answer = (_request, reply) => {
      reply.writeHead(200, { "content-length": "100" });
      reply.write("half");
      setTimeout(() => reply.destroy(), 20);
    };
    await expect(post("/half").then((reply) => reply.text())).rejects.toThrow();
    const nowhere = await FaultProxy.start("http://127.0.0.1:1");
    await expect(fetch(nowhere.url)).rejects.toThrow();
    await nowhere.stop();
  });

  it("passes upgraded connections both ways and swallows them as a blackhole", async () => {
    upstream.on("upgrade", (_request, socket: Socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n");
      socket.on("data", (chunk) => socket.write(chunk));
      socket.on("end", () => socket.end());
      socket.on("error", () => {});
    });
    const open = () => {
      const socket = connect(Number(new URL(proxy.url).port), "127.0.0.1");
      let text = "";
      socket.on("data", (chunk) => {
        text += String(chunk);
      });
      socket.on("error", () => {});
      socket.write("GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n");
      return { socket, text: () => text };
    };
    const first = open();
    await waitUntil(() => first.text().includes("101 Switching"));
    first.socket.write("ping");
    await waitUntil(() => first.text().endsWith("ping"));
    proxy.mode = "blackhole";
    const second = open();
    await waitUntil(() => proxy.count(({ path }) => path === "/ws") === 2);
    expect(second.text()).toBe("");
    const closed = new Promise((resolve) => second.socket.once("close", resolve));
    proxy.mode = "drop";
    await closed;
    first.socket.destroy();
  });
});
