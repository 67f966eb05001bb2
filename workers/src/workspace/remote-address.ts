import { fileURLToPath } from "node:url";
import { AppError } from "@agentvine/kit";

/** Where a repository lives, taken apart so that git gets exactly one transport and nothing it could read as an option. */
export interface RemoteAddress {
  readonly transport: "local" | "https" | "http" | "ssh";
  /** What git is given: rebuilt, never the raw text; for `local` an absolute path. */
  readonly url: string;
}

const scpLike = /^(?:([A-Za-z0-9._][A-Za-z0-9._-]*)@)?([A-Za-z0-9][A-Za-z0-9.-]*):(?!\/\/)([^:].*)$/;

/** What is taken beside https and ssh. */
export interface AddressGate {
  /** Absolute paths and file://, in local mode. */
  readonly allowsPaths: boolean;
  readonly allowsHttp: boolean;
}

/**
 * Takes https and ssh addresses (also `user@host:path`), and what the gate allows besides.
 * @throws AppError `repository.url_invalid`.
 */
export function parseRemoteAddress(raw: string, gate: AddressGate): RemoteAddress {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what the check is for
  if (raw === "" || raw.startsWith("-") || /[\u0000-\u001f\u007f]/.test(raw)) {
    throw invalid("it holds characters that no address has");
  }
  if (raw.startsWith("/")) {
    return localAddress(raw, gate);
  }
  const scp = scpLike.exec(raw);
  if (scp !== null && !raw.includes("://")) {
    const [, user, host, path] = scp;
    return {
      transport: "ssh",
      url: `ssh://${user === undefined ? "" : `${user}@`}${host}/${scpPath(path ?? "")}`,
    };
  }
  return fromUrl(raw, gate);
}

/** `host:path` is relative to the account's home, which ssh:// writes as `/~/path`; `host:/path` is absolute. */
const scpPath = (path: string): string => (path.startsWith("/") ? path.slice(1) : `~/${path}`);

function fromUrl(raw: string, gate: AddressGate): RemoteAddress {
  const url = URL.canParse(raw) ? new URL(raw) : null;
  if (url === null || raw.includes("\\") || raw.includes(" ")) {
    throw invalid("it is neither a URL nor a path");
  }
  switch (url.protocol) {
    case "file:":
      if (url.hostname !== "") {
        throw invalid("a file address may not name a host");
      }
      return localAddress(fileURLToPath(url), gate);
    case "https:":
      return { transport: "https", url: withoutUser(url) };
    case "http:":
      if (!gate.allowsHttp) {
        throw invalid("http is not encrypted; use https");
      }
      return { transport: "http", url: withoutUser(url) };
    case "ssh:":
      if (url.password !== "" || url.hostname.startsWith("-") || url.username.startsWith("-")) {
        throw invalid("it holds a password or looks like an option");
      }
      return { transport: "ssh", url: url.href };
    default:
      throw invalid(`${url.protocol}// is not supported`);
  }
}

/** A user or token in the address would end up in files, logs and messages. */
function withoutUser(url: URL): string {
  if (url.username !== "" || url.password !== "") {
    throw invalid("it holds a user or a token; give the worker credentials instead");
  }
  // The dot behind a name says only that it is whole; what is checked and what is asked for must be one name.
  url.hostname = url.hostname.replace(/\.$/, "");
  return url.href;
}

function localAddress(path: string, { allowsPaths }: AddressGate): RemoteAddress {
  if (!allowsPaths) {
    throw invalid("paths are allowed in local mode only");
  }
  return { transport: "local", url: path };
}

const invalid = (why: string): AppError =>
  new AppError("repository.url_invalid", `The repository address can't be used: ${why}.`);
