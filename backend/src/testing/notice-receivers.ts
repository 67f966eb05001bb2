import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { SMTPServer } from "smtp-server";

/** A call of a webhook. */
interface Call {
  path: string;
  headers: IncomingMessage["headers"];
  body: string;
}

/** A webhook receiver that answers as told: the next status of the list, then 204. */
export async function startReceiver() {
  const calls: Call[] = [];
  const statuses: number[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      calls.push({ path: request.url ?? "", headers: request.headers, body });
      const status = statuses.shift() ?? 204;
      response.writeHead(status, status === 302 ? { location: "http://127.0.0.1:1/" } : {}).end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook/secret-part`;
  return { url, calls, statuses, close: () => new Promise((resolve) => server.close(resolve)) };
}

/** A mail server that takes everything, but for as many as it is told to refuse. */
export async function startMailServer() {
  const mails: { to: string[]; raw: string }[] = [];
  const state = { refusals: 0 };
  const server = new SMTPServer({
    disabledCommands: ["STARTTLS", "AUTH"],
    onData(stream, session, callback) {
      void text(stream).then((raw) => {
        if (state.refusals > 0) {
          state.refusals -= 1;
          return callback(new Error("mailbox busy"));
        }
        mails.push({ to: session.envelope.rcptTo.map(({ address }) => address), raw });
        callback();
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.server.address() as AddressInfo;
  return {
    url: `smtp://127.0.0.1:${port}`,
    mails,
    state,
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}
