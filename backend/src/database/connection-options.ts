import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import type { ConnectionOptions as TlsOptions } from "node:tls";
import { checkServerIdentity } from "node:tls";
import { AppError, coerceError } from "@agentvine/kit";

/** What every connection to PostgreSQL is opened with: pools, LISTEN, migrations, the background queue. */
export interface ConnectionOptions {
  connectionString: string;
  /** False: in the clear; left out: what the driver finds in its own variables, else in the clear. */
  ssl?: TlsOptions | false;
}

const modes = ["disable", "no-verify", "require", "verify-ca", "verify-full"] as const;
type Mode = (typeof modes)[number];

/** Taken for `require`: what they mean elsewhere, to go on in the clear when the server has no TLS, would be no protection. */
const halfHearted = ["allow", "prefer"];

const tlsParameters = ["ssl", "sslmode", "sslrootcert", "sslcert", "sslkey", "uselibpqcompat"] as const;

function modeOf(parameters: URLSearchParams): Mode | undefined {
  const given = parameters.get("sslmode") ?? "";
  const mode = halfHearted.includes(given) ? "require" : modes.find((one) => one === given);
  if (mode !== undefined) return mode;
  if (given !== "") throw invalid("DATABASE_URL", `sslmode must be one of ${modes.join(", ")}`);
  return ["true", "1"].includes(parameters.get("ssl") ?? "") ? "require" : undefined;
}

const invalid = (name: string, problem: string, cause?: unknown): AppError =>
  new AppError("config.invalid", `The configuration is invalid: ${name}: ${problem}.`, { cause });

function readPem(name: string, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw invalid(name, `${file} can't be read (${coerceError(error).message})`, error);
  }
}

/**
 * The address with the CA its certificate must come from, and then also must name the host: `verify-full`, unless the address asks for
 * `verify-ca`. @throws AppError `config.invalid` when the file can't be used, or the address wants no TLS
 */
export function secureDatabaseUrl(url: string | undefined, caFile: string | undefined): string | undefined {
  const name = "AGENTVINE_DATABASE_CA_FILE";
  if (url === undefined) {
    if (caFile === undefined) return undefined;
    throw invalid(name, "is only of use with a PostgreSQL of yours: set DATABASE_URL");
  }
  const parsed = parseUrl(url);
  const mode = modeOf(parsed.searchParams);
  if (caFile !== undefined) {
    if (mode === "disable" || mode === "no-verify")
      throw invalid(name, `contradicts sslmode=${mode} of DATABASE_URL: leave one of them out`);
    if (!readPem(name, caFile).includes("-----BEGIN CERTIFICATE-----"))
      throw invalid(name, `${caFile} holds no certificate: give a PEM file`);
    parsed.searchParams.set("sslmode", mode === "verify-ca" ? mode : "verify-full");
    parsed.searchParams.set("sslrootcert", caFile);
  }
  const secured = caFile === undefined ? url : parsed.href;
  // Whatever else it names is read now, while somebody looks.
  connectionOptions(secured);
  return secured;
}

function parseUrl(url: string): URL {
  try {
    return new URL(url);
  } catch (error) {
    throw invalid(
      "DATABASE_URL",
      "is no address: characters such as @ and / in a password are written as %40 and %2F",
      error,
    );
  }
}

/**
 * How to connect to a database: `sslmode` and its companions are taken out of the address and honoured here, for the driver reads them
 * in its own way, and checks a certificate against `localhost` when the host is an address in numbers. Files are read anew for each connection,
 * so a CA that was replaced counts at once. @throws AppError `config.invalid`
 */
export function connectionOptions(url: string): ConnectionOptions {
  // A socket of this machine, in one of the driver's own spellings.
  if (!URL.canParse(url)) return { connectionString: url };
  const parsed = new URL(url);
  const { searchParams, hostname } = parsed;
  const mode = modeOf(searchParams);
  const [ca, cert, key] = (["sslrootcert", "sslcert", "sslkey"] as const).map((name) => {
    const file = searchParams.get(name);
    return file === null ? undefined : readPem(`DATABASE_URL: ${name}`, file);
  });
  if (tlsParameters.every((name) => !searchParams.has(name))) return { connectionString: url };
  for (const name of tlsParameters) searchParams.delete(name);
  const wantsTls = mode === undefined ? ca !== undefined : mode !== "disable";
  if (!wantsTls) return { connectionString: parsed.href, ssl: false };
  const host = hostname.replace(/^\[|\]$/g, "");
  const ssl: TlsOptions = {
    minVersion: "TLSv1.2",
    rejectUnauthorized: mode !== "no-verify",
    ...(isIP(host) === 0 ? { servername: host } : {}),
    checkServerIdentity: (_name, certificate) =>
      mode === "verify-ca" ? undefined : checkServerIdentity(host, certificate),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
  return { connectionString: parsed.href, ssl };
}
