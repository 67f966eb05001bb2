import { Agent, request } from "node:http";

/** Sends JSON and reads JSON, with as little work as possible: the load comes from the machine that is measured. */
export interface HttpClient {
  /** @throws Error with status and body when the status is not one of `expected` */
  send<T>(method: string, path: string, options?: SendOptions): Promise<T>;
  close(): void;
}

export interface SendOptions {
  body?: unknown;
  token?: string;
  headers?: Record<string, string>;
  /** Statuses that are answers; 200 to 204 unless told. */
  expected?: readonly number[];
  /** The answer is received and not parsed: parsing would be measured with it. */
  isDiscarded?: boolean;
}

const successes = [200, 201, 202, 204];

export function createHttpClient(baseUrl: string, defaultToken: string): HttpClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const { hostname, port } = new URL(baseUrl);
  return {
    send: <T>(method: string, path: string, options: SendOptions = {}) =>
      new Promise<T>((resolve, reject) => {
        const { token = defaultToken, headers = {}, expected = successes, isDiscarded = false } = options;
        const body = options.body === undefined ? undefined : JSON.stringify(options.body);
        const sent = request({
          agent,
          ...{ hostname, port, method, path },
          headers: {
            ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
            ...(body === undefined
              ? {}
              : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
            ...headers,
          },
        });
        sent.once("error", reject);
        sent.once("response", (reply) => {
          const chunks: Buffer[] = [];
          reply.on("data", (chunk: Buffer) => chunks.push(chunk));
          reply.once("error", reject);
          reply.once("end", () => {
            const text = Buffer.concat(chunks).toString();
            if (!expected.includes(reply.statusCode ?? 0)) {
              reject(new Error(`${method} ${path}: ${reply.statusCode} ${text.slice(0, 500)}`));
              return;
            }
            resolve((text === "" || isDiscarded ? undefined : JSON.parse(text)) as T);
          });
        });
        sent.end(body);
      }),
    close: () => agent.destroy(),
  };
}
