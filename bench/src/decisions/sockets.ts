import { type Conversation, conversationNamespace, type Message } from "@agentvine/contracts";
import { z } from "zod";
import { startBenchBackend } from "../backend-process.ts";
import { type ChildProgram, startChild } from "../child-program.ts";
import type { Cluster } from "../cluster.ts";
import { createHttpClient, type HttpClient } from "../http-client.ts";
import { type Compared, latencyOf } from "./compared.ts";
import { machineMs } from "./machine-clock.ts";

export interface SocketsSize {
  sockets: number;
  /** Processes that the sockets are spread over. */
  processes: number;
  /** Messages that count. */
  rounds: number;
}

const readySchema = z.object({ isReady: z.literal(true) });
const receivedSchema = z.object({ content: z.string(), receivedMs: z.array(z.number()) });

/** Latencies of messages to all, in milliseconds from the post sent. */
interface Spread {
  /** Until each of the sockets had it. */
  eachMs: number[];
  /** Until the last of them had it. */
  lastMs: number[];
}

type Clients = ChildProgram<unknown>;

/** When the sockets of one process have the message, by the clock of the machine. */
const receivedBy = ({ process: child }: Clients, content: string): Promise<number[]> =>
  new Promise((resolve, reject) => {
    const ended = (code: number | null) => reject(new Error(`a process of sockets ended with ${code}`));
    child.once("exit", ended);
    const hear = (message: unknown): void => {
      const received = receivedSchema.parse(message);
      if (received.content !== content) return;
      child.off("message", hear);
      child.off("exit", ended);
      resolve(received.receivedMs);
    };
    child.on("message", hear);
  });

async function sayToAll(
  clients: readonly Clients[],
  say: (content: string) => Promise<unknown>,
  rounds: number,
): Promise<Spread> {
  const warmUpRounds = Math.ceil(rounds / 4);
  const spread: Spread = { eachMs: [], lastMs: [] };
  for (let round = 0; round < warmUpRounds + rounds; round += 1) {
    const content = `Message ${round}: the rounding is done in the cart, not in the invoice.`;
    const received = clients.map((one) => receivedBy(one, content));
    const sentMs = machineMs();
    const [times] = await Promise.all([Promise.all(received), say(content)]);
    if (round < warmUpRounds) continue;
    const tookMs = times.flat().map((atMs) => atMs - sentMs);
    spread.eachMs.push(...tookMs);
    spread.lastMs.push(Math.max(...tookMs));
  }
  return spread;
}

async function withClients<T>(
  { sockets, processes }: SocketsSize,
  where: { url: string; token: string },
  use: (clients: readonly Clients[]) => Promise<T>,
): Promise<T> {
  const clients: Clients[] = [];
  const entry = new URL("./socket-clients.ts", import.meta.url);
  try {
    for (let n = 0; n < processes; n += 1) {
      const count = Math.ceil((sockets - n) / processes);
      clients.push(await startChild(entry, { ...where, count }, readySchema));
    }
    return await use(clients);
  } finally {
    for (const one of clients) await one.stop();
  }
}

async function measureBare(size: SocketsSize, namespace: string, message: object): Promise<Spread> {
  const entry = new URL("./bare-socket-server.ts", import.meta.url);
  const server = await startChild(entry, { namespace, message }, z.object({ url: z.string() }));
  const http = createHttpClient(server.ready.url, "");
  const where = { url: new URL(namespace, server.ready.url).href, token: "" };
  try {
    return await withClients(size, where, (clients) =>
      sayToAll(clients, (content) => http.send("POST", "/messages", { body: { content } }), size.rounds),
    );
  } finally {
    http.close();
    await server.stop();
  }
}

/** A person's message in one conversation to all sockets that follow it, beside a bare Socket.IO server with as many. */
export async function measureSockets(cluster: Cluster, size: SocketsSize): Promise<Compared[]> {
  const backend = await startBenchBackend(await cluster.createMigrated());
  const http: HttpClient = createHttpClient(backend.url, backend.token);
  try {
    const { id } = await http.send<Conversation>("POST", "/api/v1/chat/conversations", {
      body: { title: "The rounding" },
    });
    const say = (content: string) =>
      http.send<Message>("POST", `/api/v1/chat/conversations/${id}/messages`, { body: { content } });
    const message = await say("Hello.");
    const namespace = conversationNamespace(id);
    const where = { url: new URL(namespace, backend.url).href, token: backend.token };
    const own = await withClients(size, where, (clients) => sayToAll(clients, say, size.rounds));
    const bare = await measureBare(size, namespace, message);
    const compared = (name: string, key: keyof Spread): Compared => ({
      name,
      own: latencyOf(own[key]),
      baseline: "bare Socket.IO server",
      bare: latencyOf(bare[key]),
    });
    return [
      compared(`message to each of ${size.sockets} sockets`, "eachMs"),
      compared(`message to the last of ${size.sockets} sockets`, "lastMs"),
    ];
  } finally {
    http.close();
    await backend.stop();
  }
}
