import { createConnection, type Socket } from "node:net";
import { createBoundedLines } from "../bounded-lines.ts";
import {
  answerMsMax,
  lineBytesMax,
  type RelayCall,
  type RelayReply,
  type ToExecutor,
  type ToRelay,
  toLine,
  toRelaySchema,
} from "../relay-protocol.ts";

const failed = (text: string): RelayReply => ({ isError: true, text, data: null });

const goneText =
  "The execution that this server belongs to can't be reached: its turn is over or it has ended. Nothing was asked or told. Finish without it.";
/** The executor answers sooner than this; then something is wrong. */
const replyMsMax = answerMsMax + 5_000;

/** A call that does not fit into a line is refused here, where it is known which part of it is to blame. */
const tooLarge = ({ tool, arguments: given }: RelayCall): RelayReply => {
  const sizes = Object.entries(given).map(
    ([name, value]) => [name, JSON.stringify(value)?.length ?? 0] as const,
  );
  const [name, size] = sizes.reduce((most, each) => (each[1] > most[1] ? each : most), ["input", 0] as const);
  return failed(
    `The input of ${tool} can't be taken:\n- ${name}: has ${size} characters, ${lineBytesMax} bytes are allowed for the whole input: be brief, name files instead of quoting them`,
  );
};

/** The relay's end of the socket. It connects when it must and keeps no secret: there is none. */
export class ExecutorLink {
  readonly #path: string;
  readonly #onBye: () => void;
  readonly #waiting = new Map<number, (reply: RelayReply) => void>();
  #socket: Promise<Socket> | undefined;
  #lastId = 0;

  /** @param onBye the executor ended the turn. */
  constructor(path: string, onBye: () => void) {
    this.#path = path;
    this.#onBye = onBye;
  }

  /** Never rejects: what goes wrong is an answer. */
  async call(call: RelayCall, signal: AbortSignal): Promise<RelayReply> {
    this.#lastId += 1;
    const id = this.#lastId;
    const line = toLine({ type: "call", id, ...call });
    if (Buffer.byteLength(line) > lineBytesMax) return tooLarge(call);
    const reply = new Promise<RelayReply>((resolve) => this.#waiting.set(id, resolve));
    const socket = await this.#connect();
    if (socket === undefined) this.#answer(id, failed(goneText));
    else socket.write(line);
    const give = (text: string) => this.#answer(id, failed(text));
    const onAbort = (): void => {
      void this.tell({ type: "cancel", id });
      give("The call was cancelled.");
    };
    signal.addEventListener("abort", onAbort, { once: true });
    const late = setTimeout(() => give("The executor did not answer in time. Call again."), replyMsMax);
    try {
      return await reply;
    } finally {
      clearTimeout(late);
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Says something nobody waits for; lost when nobody is there. */
  async tell(message: ToExecutor): Promise<void> {
    (await this.#connect())?.write(toLine(message));
  }

  /** The connection; undefined when there is nobody at the other end. */
  async #connect(): Promise<Socket | undefined> {
    this.#socket ??= this.#open();
    return await this.#socket.catch(() => undefined);
  }

  #open(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(this.#path);
      const take = createBoundedLines({
        bytesMax: lineBytesMax,
        onLine: (line) => this.#onLine(line),
        onTooLong: () => socket.destroy(),
      });
      socket.on("data", take);
      socket.once("connect", () => resolve(socket));
      // Its end is told by `close`, which follows.
      socket.on("error", reject);
      socket.once("close", () => {
        this.#socket = undefined;
        reject(new Error("closed"));
        for (const id of [...this.#waiting.keys()]) this.#answer(id, failed(goneText));
      });
    });
  }

  #onLine(line: string): void {
    const message = readMessage(line);
    if (message?.type === "result") this.#answer(message.id, message);
    else if (message?.type === "bye") this.#onBye();
    else if (message?.type === "refused")
      for (const id of [...this.#waiting.keys()]) this.#answer(id, failed(message.reason));
  }

  #answer(id: number, { isError, text, data }: RelayReply): void {
    this.#waiting.get(id)?.({ isError, text, data });
    this.#waiting.delete(id);
  }
}

const readMessage = (line: string): ToRelay | undefined => {
  try {
    return toRelaySchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
};
