import { StringDecoder } from "node:string_decoder";
import { isApiError } from "@agentvine/client";
import type { LogChunk, LogLevel, LogLine } from "@agentvine/contracts";
import { type Clock, coerceError, deferred, type Logger, retryDelayMs, type sleep } from "@agentvine/kit";
import { attemptFaultOf, retryAfterMsOf } from "../base/api-fault.ts";
import { createLineSplitter, type LineSplitter } from "./line-splitter.ts";
import { LogSpool } from "./log-spool.ts";
import { createRedactor, type Redactor } from "./redactor.ts";

type LogSource = LogLine["source"];
type LogStream = LogLine["stream"];

export interface LogStreamerOptions {
  readonly spoolPath: string;
  /** Sends a chunk; resolves with where the next one starts. */
  readonly send: (
    chunk: LogChunk,
    signal: AbortSignal,
  ) => Promise<{ readonly offset: number; readonly isFull: boolean }>;
  /** Values that must never be shown. */
  readonly secrets: readonly (string | undefined)[];
  readonly onLeaseLost: () => void;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly sleep: typeof sleep;
  readonly bytesMax?: number;
}

const batchBytes = 65_536;
const batchMs = 1_000;
const backoff = { baseMs: 500, maxMs: 10_000 };

/**
 * The log of one execution: redacted, cut into lines, spooled to disk and sent in pieces that start at a byte offset. A write returns
 * at once whatever the network does; a piece that was lost or doubled on the way is settled by the offset the backend names.
 */
export class LogStreamer {
  readonly #options: LogStreamerOptions;
  readonly #spool: LogSpool;
  readonly #pipes = new Map<string, Pipe>();
  readonly #over = new AbortController();
  readonly #sending: Promise<void>;
  #sentBytes = 0;
  #isCutTold = false;
  /** Nothing more is sent: the backend is full, refuses, or the lease is lost. */
  #isSilent = false;
  #changed = deferred<void>();
  #isFlushing = false;
  #retryAfterMs = 0;

  /** @throws when the spool file can't be made. */
  constructor(options: LogStreamerOptions) {
    this.#options = options;
    this.#spool = new LogSpool(options.spoolPath, options.bytesMax);
    this.#sending = this.#run();
  }

  /** Bytes of log lines kept so far. */
  get bytes(): number {
    return this.#spool.bytes;
  }

  get droppedBytes(): number {
    return this.#spool.droppedBytes;
  }

  /** Takes output as it comes: any bytes, lines cut anywhere. */
  write(source: LogSource, stream: LogStream, chunk: Uint8Array | string): void {
    if (this.#isCutTold && !isVital(source)) {
      this.#spool.drop(typeof chunk === "string" ? Buffer.byteLength(chunk) : chunk.length);
      return;
    }
    const pipe = this.#pipeOf(source, stream);
    const text = typeof chunk === "string" ? chunk : pipe.decoder.write(Buffer.from(chunk));
    this.#append(pipe, pipe.splitter.push(pipe.redactor.push(text)));
  }

  /** Shows what a source said so far although its line has not ended: it will say no more for now. */
  endLine(source: LogSource, stream: LogStream): void {
    const pipe = this.#pipes.get(`${source} ${stream}`);
    if (pipe === undefined) return;
    const rest = pipe.redactor.push(pipe.decoder.end()) + pipe.redactor.end();
    this.#append(pipe, [...pipe.splitter.push(rest), ...pipe.splitter.end()]);
  }

  /** One message of ours, of one or several lines. */
  say(source: LogSource, level: LogLevel, message: string, metadata?: Record<string, unknown>): void {
    const redactor = createRedactor(this.#options.secrets);
    const splitter = createLineSplitter();
    const lines = [...splitter.push(redactor.push(message) + redactor.end()), ...splitter.end()];
    const pipe = { source, stream: level === "error" ? ("stderr" as const) : ("stdout" as const), level };
    lines.forEach((line, index) => {
      this.#appendLine(pipe, line, index === 0 ? metadata : undefined);
    });
    this.#wake();
  }

  /** Sends what is left, at most this long. True when the backend has everything. */
  async flush(timeoutMs: number): Promise<boolean> {
    for (const pipe of this.#pipes.values()) this.endLine(pipe.source, pipe.stream);
    const droppedBytes = this.#spool.droppedBytes;
    if (droppedBytes > 0)
      this.say(
        "worker",
        "warn",
        `${droppedBytes.toLocaleString("en-US")} bytes of output were left out of this log`,
      );
    this.#isFlushing = true;
    this.#wake();
    const late = new AbortController();
    const timeout = this.#options.sleep(timeoutMs, late.signal).catch(() => undefined);
    await Promise.race([this.#sending, timeout]);
    late.abort();
    return this.#sentBytes === this.#spool.bytes;
  }

  /** The whole log as it is kept. */
  readAll(): Uint8Array {
    return this.#spool.readAll();
  }

  /** Ends sending and closes the spool. */
  async close(): Promise<void> {
    this.#over.abort();
    this.#wake();
    await this.#sending;
    this.#spool.close();
  }

  #pipeOf(source: LogSource, stream: LogStream): Pipe {
    const key = `${source} ${stream}`;
    const found = this.#pipes.get(key);
    if (found !== undefined) return found;
    const pipe: Pipe = {
      source,
      stream,
      level: "info",
      decoder: new StringDecoder("utf8"),
      redactor: createRedactor(this.#options.secrets),
      splitter: createLineSplitter(),
    };
    this.#pipes.set(key, pipe);
    return pipe;
  }

  #append(pipe: LineHead, lines: readonly string[]): void {
    for (const line of lines) this.#appendLine(pipe, line);
    if (lines.length > 0) this.#wake();
  }

  #appendLine(
    { source, stream, level }: LineHead,
    message: string,
    metadata?: Record<string, unknown>,
  ): void {
    const at = this.#options.clock.now().toISOString();
    const line: LogLine = {
      at,
      level,
      source,
      stream,
      // PostgreSQL takes no NUL, and a lone half of a character is no text.
      message: message.replaceAll("\u0000", "").replace(/\p{Surrogate}/gu, "\ufffd"),
      ...(metadata === undefined ? {} : { metadata }),
    };
    // Behind the mark nothing of the rest comes any more, also what would still fit.
    const isOver = this.#isCutTold && !isVital(source);
    if (!isOver && this.#spool.append(`${JSON.stringify(line)}\n`, isVital(source))) return;
    this.#spool.drop(Buffer.byteLength(message) + 1);
    if (this.#isCutTold) return;
    this.#isCutTold = true;
    const cut: LogLine = {
      at,
      level: "warn",
      source: "worker",
      stream: "stderr",
      message: "[the log is full: further output of the agent and of commands is left out]",
    };
    this.#spool.append(`${JSON.stringify(cut)}\n`, true);
  }

  #wake(): void {
    const { resolve } = this.#changed;
    this.#changed = deferred();
    resolve();
  }

  get #pendingBytes(): number {
    return this.#spool.bytes - this.#sentBytes;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#over.signal.aborted && !this.#isSilent) {
      if (this.#pendingBytes === 0) {
        if (this.#isFlushing) return;
        await this.#changed.promise;
        continue;
      }
      if (failures === 0) await this.#collect();
      if (this.#over.signal.aborted) return;
      failures = (await this.#sendNext()) ? 0 : failures + 1;
      if (failures > 0) await this.#pause(failures);
    }
  }

  /** Something waits: it goes when a batch is full, when a second is over, or when everything must go. */
  async #collect(): Promise<void> {
    const { clock, sleep } = this.#options;
    const endMs = clock.monotonicMs() + batchMs;
    while (!this.#isFlushing && !this.#over.signal.aborted && this.#pendingBytes < batchBytes) {
      const leftMs = endMs - clock.monotonicMs();
      if (leftMs <= 0) return;
      const enough = new AbortController();
      await Promise.race([this.#changed.promise, sleep(leftMs, enough.signal).catch(() => undefined)]);
      enough.abort();
    }
  }

  /** False when it failed and should be tried again. */
  async #sendNext(): Promise<boolean> {
    const { text, bytes } = this.#spool.read(this.#sentBytes, batchBytes);
    if (bytes === 0) return true;
    try {
      const reply = await this.#options.send({ offset: this.#sentBytes, text }, this.#over.signal);
      this.#moveTo(reply.offset);
      if (reply.isFull) this.#isSilent = true;
      return true;
    } catch (error) {
      return this.#reactTo(error);
    }
  }

  #moveTo(offset: number): void {
    if (offset <= this.#spool.bytes) {
      this.#sentBytes = offset;
      return;
    }
    // The backend has more than we ever wrote: another process writes under this attempt, or its store is damaged.
    this.#options.logger.error({ offset, bytes: this.#spool.bytes }, "the log's offset is beyond its end");
    this.#isSilent = true;
  }

  #reactTo(error: unknown): boolean {
    if (this.#over.signal.aborted) return true;
    const offset = isApiError(error, "execution.log_offset") ? error.data.offset : undefined;
    if (typeof offset === "number") {
      this.#moveTo(offset);
      return true;
    }
    const fault = attemptFaultOf(error);
    if (fault === "transient") {
      this.#retryAfterMs = retryAfterMsOf(error) ?? 0;
      return false;
    }
    this.#options.logger.warn({ err: coerceError(error), fault }, "the backend takes no more of the log");
    this.#isSilent = true;
    if (fault === "lease_lost") this.#options.onLeaseLost();
    return true;
  }

  async #pause(failures: number): Promise<void> {
    const delayMs = retryDelayMs(failures, this.#retryAfterMs, backoff);
    await this.#options.sleep(delayMs, this.#over.signal).catch(() => undefined);
  }
}

interface LineHead {
  readonly source: LogSource;
  readonly stream: LogStream;
  readonly level: LogLevel;
}

interface Pipe extends LineHead {
  readonly decoder: StringDecoder;
  readonly redactor: Redactor;
  readonly splitter: LineSplitter;
}

/** What the worker itself says is kept when a flood of output has used up the rest. */
const isVital = (source: LogSource): boolean => source === "worker" || source === "gate";
