import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface GitServerOptions {
  /** Directory of the repositories it serves; each is reached by its path below. */
  root: string;
  /** Whom it lets in, by basic authentication; everybody unless told. */
  user?: { name: string; password: string };
}

export interface GitServer {
  /** Without a slash at the end. */
  url: string;
  /** Every request so far: path, and who was let in. */
  requests: { path: string; status: number }[];
  /** Asks for another password from now on. */
  setPassword(password: string): void;
  close(): Promise<void>;
}

/** Splits what a CGI program prints into headers and body. */
function readCgi(output: Buffer): { status: number; headers: Record<string, string>; body: Buffer } {
  const end = output.indexOf("\r\n\r\n");
  const lines = output.subarray(0, Math.max(end, 0)).toString("latin1").split("\r\n");
  const headers = Object.fromEntries(
    lines.flatMap((line) => {
      const colon = line.indexOf(":");
      return colon < 1 ? [] : [[line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]];
    }),
  );
  const { status, ...rest } = headers;
  return { status: Number.parseInt(status ?? "200", 10), headers: rest, body: output.subarray(end + 4) };
}

async function runBackend(root: string, user: string, request: IncomingMessage): Promise<Buffer> {
  const url = new URL(request.url ?? "/", "http://localhost");
  const child = spawn("git", ["-c", "safe.directory=*", "-c", "http.receivepack=true", "http-backend"], {
    env: {
      PATH: process.env.PATH ?? "",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method ?? "GET",
      CONTENT_TYPE: request.headers["content-type"] ?? "",
      HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
      GIT_PROTOCOL: String(request.headers["git-protocol"] ?? ""),
      REMOTE_USER: user,
      REMOTE_ADDR: "127.0.0.1",
    },
    stdio: ["pipe", "pipe", "ignore"],
  });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stdin.on("error", () => {});
  request.pipe(child.stdin);
  await once(child, "close");
  return Buffer.concat(chunks);
}

/** A real git server on loopback: git's own HTTP backend behind Node's server, for reading and pushing. */
export async function startGitServer({ root, user }: GitServerOptions): Promise<GitServer> {
  const requests: GitServer["requests"] = [];
  let password = user?.password;
  const isAllowed = ({ headers }: IncomingMessage): boolean =>
    user === undefined ||
    headers.authorization === `Basic ${Buffer.from(`${user.name}:${password}`).toString("base64")}`;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "";
    if (!isAllowed(request)) {
      requests.push({ path, status: 401 });
      request.resume();
      response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end();
      return;
    }
    const { status, headers, body } = readCgi(await runBackend(root, user?.name ?? "anybody", request));
    requests.push({ path, status });
    response.writeHead(status, headers).end(body);
  }

  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    setPassword: (next) => {
      password = next;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
