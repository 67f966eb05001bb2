import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { answer, modelName } from "./answer.ts";
import {
  anthropicEvents,
  anthropicMessage,
  InvalidRequest,
  type ParsedRequest,
  parseAnthropicRequest,
} from "./anthropic-api.ts";
import { errorTypeOf, type Fault } from "./fault.ts";
import { openaiCompletion, openaiEvents, parseOpenaiRequest } from "./openai-api.ts";
import { demoScenarios } from "./scenarios/index.ts";
import type { Reply, Scenario } from "./script.ts";

export interface ScriptedModelOptions {
  /** A free port unless told. */
  readonly port?: number;
  /** The demo's scenarios unless told. */
  readonly scenarios?: readonly Scenario[];
  /** How long each answer takes, so that people can follow; 0 unless told. */
  readonly delayMs?: number;
  /** When given, any other key gets a 401. */
  readonly apiKey?: string;
}

export interface RecordedRequest {
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: unknown;
}

export interface ScriptedModel {
  readonly url: string;
  /** What a client takes as base URL: with `/v1`. */
  readonly baseUrl: string;
  /** The newest requests, oldest first. */
  readonly requests: readonly RecordedRequest[];
  /** Lets the next `times` requests go wrong. */
  inject(fault: Fault, times?: number): void;
  close(): Promise<void>;
}

interface Api {
  readonly parse: (body: unknown) => ParsedRequest;
  readonly message: (reply: Reply, idPrefix: string, inputTokens: number) => object;
  readonly events: (reply: Reply, idPrefix: string, inputTokens: number) => Iterable<string>;
  readonly streamError: string;
}

const overloaded = JSON.stringify({
  type: "error",
  error: { type: "overloaded_error", message: "Overloaded" },
});

const apis: Readonly<Record<string, Api>> = {
  "/v1/messages": {
    parse: parseAnthropicRequest,
    message: anthropicMessage,
    events: anthropicEvents,
    streamError: `event: error\ndata: ${overloaded}\n\n`,
  },
  "/v1/chat/completions": {
    parse: parseOpenaiRequest,
    message: openaiCompletion,
    events: openaiEvents,
    streamError: `data: ${overloaded}\n\n`,
  },
};

const requestsKept = 1_000;
const bodyBytesMax = 32 * 1024 * 1024;

/** Starts a server on the loopback interface that speaks the Messages and the chat completions API and follows scenarios. */
export async function startScriptedModel(options: ScriptedModelOptions = {}): Promise<ScriptedModel> {
  const { port = 0, scenarios = demoScenarios, delayMs = 0, apiKey } = options;
  const requests: RecordedRequest[] = [];
  const faults: Fault[] = [];
  const closing = new AbortController();

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else sendError(response, 500, error instanceof Error ? error.message : String(error));
    });
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader("x-agentvine-scripted", "true");
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    const body = await readBody(request);
    requests.push({ path, headers: request.headers, body });
    if (requests.length > requestsKept) requests.shift();
    if (request.method === "GET" && path === "/v1/models") {
      return sendJson(response, 200, {
        object: "list",
        data: [{ id: modelName, object: "model", type: "model" }],
      });
    }
    const api = request.method === "POST" ? apis[path] : undefined;
    if (api === undefined) return sendError(response, 404, `there is no ${request.method} ${path}`);
    if (!isAuthorized(request, apiKey)) return sendError(response, 401, "invalid x-api-key");
    if (body === undefined) return sendError(response, 400, "the body is no JSON");
    await reply(response, api, body);
  }

  async function reply(response: ServerResponse, api: Api, body: unknown): Promise<void> {
    const fault = faults.shift();
    if (fault?.kind === "status") return sendFault(response, fault);
    let parsed: ParsedRequest;
    try {
      parsed = api.parse(body);
    } catch (error) {
      if (error instanceof InvalidRequest) return sendError(response, 400, error.message);
      throw error;
    }
    if (delayMs > 0) await delay(delayMs, undefined, { signal: closing.signal });
    const { conversation, inputTokens, isStreaming } = parsed;
    const words = fault?.kind === "reply" ? fault.reply : answer(scenarios, conversation);
    const turns = conversation.phases.at(-1)?.turns.length ?? 0;
    const idPrefix = `${conversation.phases.length}_${turns}`;
    if (!isStreaming) return sendJson(response, 200, api.message(words, idPrefix, inputTokens));
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    sendStream(response, api, [...api.events(words, idPrefix, inputTokens)], fault);
  }

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    url,
    baseUrl: `${url}/v1`,
    requests,
    inject: (fault, times = 1) => {
      for (let index = 0; index < times; index += 1) faults.push(fault);
    },
    close: async () => {
      closing.abort();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

/** The body as JSON; undefined when it is none. */
async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes <= bodyBytesMax) chunks.push(chunk);
  }
  try {
    return bytes > bodyBytesMax ? undefined : JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    // A body that is no JSON is answered with 400 by the caller.
    return undefined;
  }
}

function isAuthorized(request: IncomingMessage, apiKey: string | undefined): boolean {
  if (apiKey === undefined) return true;
  const { "x-api-key": key, authorization } = request.headers;
  // security: no-timing-unsafe-compare because it is a stand-in for demo and tests, with a key that everybody knows
  return key === apiKey || authorization === `Bearer ${apiKey}`;
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

function sendError(response: ServerResponse, status: number, message: string): void {
  sendJson(response, status, { type: "error", error: { type: errorTypeOf(status), message } });
}

function sendFault(response: ServerResponse, fault: Extract<Fault, { kind: "status" }>): void {
  if (fault.retryAfterSeconds !== undefined)
    response.setHeader("retry-after", String(fault.retryAfterSeconds));
  sendError(response, fault.status, fault.message ?? errorTypeOf(fault.status));
}

function sendStream(
  response: ServerResponse,
  api: Api,
  events: readonly string[],
  fault: Fault | undefined,
): void {
  const isCut = fault?.kind === "disconnect" || fault?.kind === "stall" || fault?.kind === "stream_error";
  for (const event of isCut ? events.slice(0, 3) : events) response.write(event);
  if (fault?.kind === "stall") return;
  if (fault?.kind === "disconnect") {
    response.socket?.destroySoon();
    return;
  }
  if (fault?.kind === "stream_error") response.write(api.streamError);
  response.end();
}
