import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Server } from "node:tls";
import { AppError, coerceError, type Logger, sleep } from "@agentvine/kit";

export interface TlsFiles {
  /** The certificate and those between it and its root, as PEM. */
  certFile: string;
  /** Its private key, as PEM and without a passphrase. */
  keyFile: string;
}

/** Certificate and key of the server, as the files hold them now. */
export interface ServerTls {
  /** What the server listens with. */
  options(): { cert: string; key: string; minVersion: "TLSv1.2"; handshakeTimeout: number };
  /**
   * Looks at the files every few seconds and gives the server what is new in them: connections that stand are kept, later ones get the
   * new certificate. Files that can't be used change nothing and are told once.
   */
  follow(server: Server): void;
  /** Looks now. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}

export interface ServerTlsOptions extends TlsFiles {
  logger: Logger;
  /** Pause between two looks; 5 s unless told. */
  lookMs?: number | undefined;
}

/** Who connects and then says nothing is let go. */
const handshakeMsMax = 10_000;

interface Pair {
  cert: string;
  key: string;
}

/** Reads certificate and key. @throws AppError `config.invalid` that names the file and what to do */
export async function openServerTls(options: ServerTlsOptions): Promise<ServerTls> {
  const { logger, lookMs = 5_000 } = options;
  const stopping = new AbortController();
  let pair = await readPair(options);
  /** What was last found wrong, so that it is told once. */
  let fault = "";
  let server: Server | undefined;
  let looking: Promise<void> = Promise.resolve();
  warnOfEnd(pair, options, logger);

  async function reload(): Promise<void> {
    try {
      const found = await readPair(options);
      fault = "";
      if (found.cert === pair.cert && found.key === pair.key) return;
      server?.setSecureContext({ ...found, minVersion: "TLSv1.2" });
      pair = found;
      logger.info({ validTo: new X509Certificate(found.cert).validTo }, "took the new TLS certificate");
      warnOfEnd(found, options, logger);
    } catch (error) {
      const { message } = coerceError(error);
      // Certificate and key change one after the other: the next look may find them right.
      if (message !== fault) logger.error(`The TLS certificate stays as it was: ${message}`);
      fault = message;
    }
  }

  async function look(): Promise<void> {
    while (!stopping.signal.aborted) {
      await sleep(lookMs, stopping.signal).catch(() => {});
      if (!stopping.signal.aborted) await reload();
    }
  }

  return {
    options: () => ({ ...pair, minVersion: "TLSv1.2", handshakeTimeout: handshakeMsMax }),
    follow(listening) {
      server = listening;
      looking = look();
    },
    reload,
    async stop() {
      stopping.abort();
      await looking;
    },
  };
}

async function readPair({ certFile, keyFile }: TlsFiles): Promise<Pair> {
  const [cert, key] = await Promise.all([
    readPem("AGENTVINE_TLS_CERT_FILE", certFile),
    readPem("AGENTVINE_TLS_KEY_FILE", keyFile),
  ]);
  const certificate = parse(
    () => new X509Certificate(cert),
    `AGENTVINE_TLS_CERT_FILE: ${certFile} holds no certificate: give a PEM file that begins with the server's own, followed by those between it and its root`,
  );
  const privateKey = parse(
    () => createPrivateKey(key),
    `AGENTVINE_TLS_KEY_FILE: ${keyFile} holds no key that can be read: give a PEM file without a passphrase`,
  );
  if (!certificate.checkPrivateKey(privateKey)) {
    throw invalid(
      `AGENTVINE_TLS_KEY_FILE: the key in ${keyFile} is not that of the certificate in ${certFile}: give the two that were made together`,
    );
  }
  return { cert, key };
}

async function readPem(name: string, file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const reason = coerceError(error).message;
    throw invalid(
      `${name}: ${file} can't be read (${reason}): give a file that this account may read`,
      error,
    );
  }
}

function parse<T>(read: () => T, problem: string): T {
  try {
    return read();
  } catch (error) {
    throw invalid(problem, error);
  }
}

const invalid = (problem: string, cause?: unknown): AppError =>
  new AppError("config.invalid", `The configuration is invalid: ${problem}.`, { cause });

const dayMs = 86_400_000;

/** Clients refuse a certificate that has ended, so it is told before. */
function warnOfEnd({ cert }: Pair, { certFile }: TlsFiles, logger: Logger): void {
  const { validTo } = new X509Certificate(cert);
  const daysLeft = Math.floor((Date.parse(validTo) - Date.now()) / dayMs);
  if (daysLeft < 0)
    logger.error({ validTo }, `The certificate in ${certFile} has ended: put a new one there`);
  else if (daysLeft < 14)
    logger.warn({ validTo }, `The certificate in ${certFile} ends in ${daysLeft} days: put a new one there`);
}
