import { APICallError } from "@ai-sdk/provider";

/** Why the model gave no answer. */
export type ModelFault =
  /** Overload, a limit, the network, a server error: the same request may work later. */
  | { readonly kind: "transient"; readonly reason: string; readonly retryAfterMs?: number }
  /** The conversation is too long for the model. */
  | { readonly kind: "too_long"; readonly reason: string }
  /** What the model thought earlier does not fit the conversation any more. */
  | { readonly kind: "reasoning_refused"; readonly reason: string }
  /** The provider will not take this request: key, model, account or a bad request. */
  | { readonly kind: "rejected"; readonly reason: string };

/** Carries a fault through a retry. */
export class ModelFaultError extends Error {
  readonly fault: ModelFault;

  constructor(fault: ModelFault) {
    super(fault.reason);
    this.fault = fault;
  }
}

/** A stream that ended or fell silent before its answer was complete. */
export class BrokenStreamError extends Error {}

const transientStatuses = new Set([408, 409, 425, 429]);
const tooLong = /too long|context.{0,20}(length|limit|window|size)|maximum context|too many (input )?tokens/i;
const staleReasoning = /signature.{0,40}thinking|thinking.{0,40}block/i;
const noMoney = /insufficient_quota|credit balance|billing/i;

/** Says what an error of a model call means. */
export function modelFaultOf(error: unknown): ModelFault {
  if (error instanceof ModelFaultError) return error.fault;
  if (APICallError.isInstance(error)) return httpFault(error);
  const reason = providerMessage(error) ?? (error instanceof Error ? error.message : "unknown failure");
  return { kind: "transient", reason: `the model's answer broke off: ${reason}` };
}

function httpFault(error: APICallError): ModelFault {
  const { statusCode } = error;
  const said = excerpt(providerMessage(error.data) ?? error.message);
  if (statusCode === undefined) return { kind: "transient", reason: `the model can't be reached: ${said}` };
  // It began well and could not be read to its end.
  if (statusCode < 400) return { kind: "transient", reason: `the model's answer broke off: ${said}` };
  const reason = `the model provider answered ${statusCode}: ${said}`;
  const isRefused = statusCode < 500 && !transientStatuses.has(statusCode);
  if (isRefused && tooLong.test(said)) return { kind: "too_long", reason };
  if (isRefused && staleReasoning.test(said)) return { kind: "reasoning_refused", reason };
  if (isRefused || noMoney.test(`${said} ${error.responseBody ?? ""}`)) {
    return { kind: "rejected", reason: `${reason}${hint(statusCode)}` };
  }
  const retryAfterMs = retryAfterOf(error.responseHeaders ?? {});
  return { kind: "transient", reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

function hint(statusCode: number): string {
  if (statusCode === 401 || statusCode === 403) return " (check the API key)";
  if (statusCode === 404) return " (check the model's name and base URL)";
  return "";
}

/** The message of a provider's error document, `{ error: { message } }` or `{ message }`. */
function providerMessage(data: unknown): string | undefined {
  if (typeof data === "string") return data;
  if (typeof data !== "object" || data === null) return undefined;
  if ("error" in data) return providerMessage(data.error);
  return "message" in data && typeof data.message === "string" ? data.message : undefined;
}

/** Milliseconds of a `retry-after-ms` or `retry-after` (seconds or date) header. */
function retryAfterOf(headers: Readonly<Record<string, string>>): number | undefined {
  const milliseconds = Number.parseFloat(headers["retry-after-ms"] ?? "");
  if (Number.isFinite(milliseconds)) return Math.max(0, Math.round(milliseconds));
  const text = headers["retry-after"];
  if (text === undefined) return undefined;
  const seconds = Number(text);
  const delayMs = Number.isNaN(seconds) ? Date.parse(text) - Date.now() : seconds * 1000;
  return Number.isFinite(delayMs) ? Math.max(0, Math.round(delayMs)) : undefined;
}

const excerpt = (text: string): string => (text.length > 500 ? `${text.slice(0, 500)} …` : text);
