import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import type { Agent, fetch as undiciFetch } from "undici";
import { AppError, coerceError } from "./app-error.ts";

/** How a process reaches its backend, as it is configured. */
export interface BackendAddress {
  readonly serverUrl: string;
  /** AGENTVINE_CA_FILE: the CA that signed the backend's certificate, as PEM; undefined: the usual ones. */
  readonly caFile: string | undefined;
  /** AGENTVINE_ALLOW_PLAIN_HTTP. */
  readonly allowsPlainHttp: boolean;
}

/** What a client of the backend is made of besides its token. */
export interface BackendConnection {
  readonly baseUrl: string;
  readonly fetch?: typeof globalThis.fetch;
}

/**
 * How to talk to the backend: over https, or in the clear where nobody can listen. Loads nothing and connects to nothing yet.
 * @throws AppError `config.invalid` for plain http to another machine, or a CA that can't be read
 */
export function connectBackend({ serverUrl, caFile, allowsPlainHttp }: BackendAddress): BackendConnection {
  if (!allowsPlainHttp) refusePlainHttp(serverUrl);
  return { baseUrl: serverUrl, ...(caFile === undefined ? {} : { fetch: fetchTrusting(readCa(caFile)) }) };
}

/** A backend on the loopback interface. */
export const isLoopback = (url: string): boolean =>
  /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(url).hostname);

/** What is sent there does not leave this machine: loopback, or an address of our own. */
function staysHere(url: string): boolean {
  if (isLoopback(url)) return true;
  const host = new URL(url).hostname.replace(/^\[|\]$/g, "");
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => address === host),
  );
}

function refusePlainHttp(url: string): void {
  if (new URL(url).protocol !== "http:" || staysHere(url)) return;
  throw new AppError(
    "config.invalid",
    `The backend's address ${new URL(url).origin} is plain http to another machine: keys and code would be readable on the way. Use https, or set AGENTVINE_ALLOW_PLAIN_HTTP=true where that network is yours alone.`,
  );
}

function readCa(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new AppError(
      "config.invalid",
      `AGENTVINE_CA_FILE: ${file} can't be read (${coerceError(error).message}). Give the CA that signed the backend's certificate.`,
      { cause: error },
    );
  }
  if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw new AppError("config.invalid", `AGENTVINE_CA_FILE: ${file} holds no certificate. Give a PEM file.`);
}

/** `fetch` for servers whose certificate comes from this CA, and no others. */
function fetchTrusting(ca: string): typeof globalThis.fetch {
  let loading: Promise<{ dispatcher: Agent; fetch: typeof undiciFetch }> | undefined;
  // Node's own fetch takes a dispatcher of its own version of undici only, so both come from the same package.
  const load = async () => {
    const { Agent, fetch } = await import("undici");
    return { dispatcher: new Agent({ connect: { ca, minVersion: "TLSv1.2" } }), fetch };
  };
  const send = async (input: Parameters<typeof undiciFetch>[0], init: Parameters<typeof undiciFetch>[1]) => {
    loading ??= load();
    const { dispatcher, fetch } = await loading;
    return await fetch(input, { ...init, dispatcher });
  };
  // The same standard, described by two packages.
  return send as unknown as typeof globalThis.fetch;
}
