import {
  type EndpointBodyInput,
  type EndpointParamsInput,
  type EndpointQueryInput,
  type EndpointResponse,
  type EndpointShape,
  isCertificateFault,
} from "@agentvine/contracts";
import { ApiError, errorOfResponse } from "./api-error.ts";
import { linkSignals } from "./linked-signal.ts";
import { urlOf } from "./request.ts";

export interface ClientOptions {
  /** e.g. `http://127.0.0.1:7420`. */
  readonly baseUrl: string;
  /** Bearer of every call, or how to get it; a call may bring its own. */
  readonly token?: string | (() => string | undefined);
  /** A call without an answer is given up after this; 30 s unless told. */
  readonly timeoutMs?: number;
  readonly fetch?: typeof globalThis.fetch;
  /** Sees every finished call, for logs. Must not throw. */
  readonly onCall?: (call: FinishedCall) => void;
}

export interface FinishedCall {
  readonly method: string;
  readonly path: string;
  readonly status: number | null;
  readonly durationMs: number;
  readonly requestId: string | null;
}

interface CallOptions {
  /** Instead of the client's own token (an attempt token). */
  readonly token?: string;
  readonly idempotencyKey?: string;
  readonly requestId?: string;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

// A part that the endpoint does not declare must not be given; one whose input may be left out may be left out.
type Part<Name extends string, T> = [T] extends [undefined]
  ? { readonly [K in Name]?: undefined }
  : Record<never, never> extends T
    ? { readonly [K in Name]?: T }
    : { readonly [K in Name]: T };

export type CallInput<E extends EndpointShape> = Part<"params", EndpointParamsInput<E>> &
  Part<"query", EndpointQueryInput<E>> &
  Part<"body", EndpointBodyInput<E>> &
  CallOptions;

type CallArguments<E extends EndpointShape> =
  Record<never, never> extends CallInput<E> ? [input?: CallInput<E>] : [input: CallInput<E>];

/** What a call resolves to; an endpoint that may answer "nothing" resolves to undefined then. */
export type CallResult<E extends EndpointShape> = E["isEmptyAllowed"] extends true
  ? EndpointResponse<E> | undefined
  : EndpointResponse<E>;

interface RawInput extends CallOptions {
  readonly params?: unknown;
  readonly query?: unknown;
  readonly body?: unknown;
}

/** Typed HTTP client over the contracts; runs in Node and in the browser. */
export interface Client {
  readonly baseUrl: string;
  /** @throws ApiError; or the signal's reason when it was aborted. */
  call<E extends EndpointShape>(endpoint: E, ...args: CallArguments<E>): Promise<CallResult<E>>;
  /** Sends raw bytes as the body. @throws as call. */
  upload<E extends EndpointShape>(
    endpoint: E,
    input: Part<"params", EndpointParamsInput<E>> &
      Part<"query", EndpointQueryInput<E>> &
      CallOptions & { readonly bytes: Uint8Array },
  ): Promise<EndpointResponse<E>>;
  /** The whole response as bytes. @throws as call. */
  download<E extends EndpointShape>(
    endpoint: E,
    input: Part<"params", EndpointParamsInput<E>> & Part<"query", EndpointQueryInput<E>> & CallOptions,
  ): Promise<Uint8Array>;
  /**
   * The response as it begins, for streams; not validated, no time-out. Aborting the signal ends it; the reader should cancel its
   * reader as well. @throws as call.
   */
  open<E extends EndpointShape>(
    endpoint: E,
    input: RawInput & { readonly signal: AbortSignal },
  ): Promise<Response>;
}

/** Makes a client. It holds no connection and no state but its options. */
export const createClient = (options: ClientOptions): Client => {
  /** Sends, reads what `read` wants of the answer, and follows the caller's signal for exactly as long. */
  const exchange = async <T>(
    endpoint: EndpointShape,
    input: RawInput,
    payload: Payload,
    read: (response: Response) => Promise<T>,
  ): Promise<T> => {
    using linked = linkSignals(input.signal);
    const timeoutMs = input.timeoutMs ?? options.timeoutMs ?? 30_000;
    const timer = Number.isFinite(timeoutMs)
      ? setTimeout(() => linked.abort(tooLate(timeoutMs)), timeoutMs)
      : undefined;
    const started = performance.now();
    let response: Response | undefined;
    try {
      return await unlessAborted(linked.signal, async () => {
        response = await request(options, endpoint, input, { ...payload, signal: linked.signal });
        if (!response.ok) throw await errorOfResponse(response);
        return await read(response);
      });
    } finally {
      clearTimeout(timer);
      options.onCall?.({
        method: endpoint.method,
        path: endpoint.path,
        status: response?.status ?? null,
        durationMs: performance.now() - started,
        requestId: response?.headers.get("x-request-id") ?? null,
      });
    }
  };

  return {
    baseUrl: options.baseUrl,
    async call(endpoint, ...args) {
      const input: RawInput = args[0] ?? {};
      const read = (response: Response) => parsed(endpoint, response);
      return (await exchange(endpoint, input, jsonPayload(input.body), read)) as never;
    },
    async upload(endpoint, input) {
      const payload = { body: input.bytes, contentType: "application/octet-stream" };
      const read = (response: Response) => parsed(endpoint, response);
      return (await exchange(endpoint, input as RawInput, payload, read)) as never;
    },
    download: (endpoint, input) =>
      exchange(
        endpoint,
        input as RawInput,
        {},
        async (response) => new Uint8Array(await response.arrayBuffer()),
      ),
    open: (endpoint, input) =>
      unlessAborted(input.signal, async () => {
        const response = await request(options, endpoint, input, {
          ...jsonPayload(input.body),
          signal: input.signal,
        });
        if (!response.ok) throw await errorOfResponse(response);
        return response;
      }),
  };
};

const tooLate = (timeoutMs: number): ApiError =>
  new ApiError("request.timeout", `no answer within ${timeoutMs} ms`);

/** The work's result, or the signal's reason as soon as it fires: fetch alone may miss an abort once its request was collected. */
const unlessAborted = async <T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> => {
  signal.throwIfAborted();
  return await new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    work()
      .then(resolve, (error: unknown) => reject(signal.aborted ? signal.reason : connectionFault(error)))
      .finally(() => signal.removeEventListener("abort", onAbort));
  });
};

const connectionFault = (error: unknown): unknown =>
  error instanceof ApiError
    ? error
    : new ApiError("server.unreachable", "the connection was lost while the answer came in", {
        cause: error,
      });

interface Payload {
  readonly body?: string | Uint8Array;
  readonly contentType?: string;
}

const jsonPayload = (body: unknown): Payload =>
  body === undefined ? {} : { body: JSON.stringify(body), contentType: "application/json" };

const headersOf = (options: ClientOptions, input: RawInput, payload: Payload): Record<string, string> => {
  const token = input.token ?? (typeof options.token === "function" ? options.token() : options.token);
  return {
    accept: "application/json, */*;q=0.1",
    ...(payload.contentType === undefined ? {} : { "content-type": payload.contentType }),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(input.idempotencyKey === undefined ? {} : { "idempotency-key": input.idempotencyKey }),
    ...(input.requestId === undefined ? {} : { "x-request-id": input.requestId }),
  };
};

const request = async (
  options: ClientOptions,
  endpoint: EndpointShape,
  input: RawInput,
  payload: Payload & { readonly signal: AbortSignal },
): Promise<Response> => {
  try {
    return await (options.fetch ?? globalThis.fetch)(urlOf(options.baseUrl, endpoint, input), {
      method: endpoint.method,
      headers: headersOf(options, input, payload),
      signal: payload.signal,
      redirect: "error",
      ...(payload.body === undefined ? {} : { body: payload.body }),
    });
  } catch (error) {
    throw unreachable(options.baseUrl, error);
  }
};

const unreachable = (baseUrl: string, error: unknown): ApiError => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (cause instanceof Error && "code" in cause && isCertificateFault(cause.code)) {
    return new ApiError(
      "server.untrusted",
      `the certificate of ${baseUrl} is not trusted: ${reason}. Name the CA that signed it in AGENTVINE_CA_FILE, and use a name that the certificate holds`,
      { cause: error },
    );
  }
  return new ApiError("server.unreachable", `${baseUrl} can't be reached: ${reason}`, { cause: error });
};

const parsed = async (endpoint: EndpointShape, response: Response): Promise<unknown> => {
  if (endpoint.response === null || response.status === 204) {
    await response.body?.cancel();
    return undefined;
  }
  const text = await response.text();
  const result = endpoint.response.safeParse(jsonOf(text));
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new ApiError(
    "internal.unexpected",
    `${endpoint.method} ${endpoint.path} answered something unexpected at ${issue?.path.join(".") ?? "?"}: ${issue?.message ?? ""}`,
    { status: response.status },
  );
};

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the schema says what is missing
  }
};
