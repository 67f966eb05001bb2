import { isIP } from "node:net";
import { AppError, isPrivateHost } from "@agentvine/kit";

export interface UrlGate {
  /** Local mode: paths of this machine may be used. */
  allowsPaths: boolean;
  /** Hosts of private networks, plain http, and any port may be used. */
  allowsPrivateHosts: boolean;
}

/** A repository address that passed the gate. A path still has to be looked at. */
export type RepositoryAddress =
  | { kind: "remote"; url: string; canonicalKey: string; name: string; hostname: string }
  | { kind: "path"; path: string };

const refuse = (reason: string): AppError =>
  new AppError("repository.url_invalid", `The repository address can't be used: ${reason}.`, {
    issues: [{ path: "url", message: reason }],
  });

/** Hosts that ignore the case of owner and repository. */
const caseBlindHosts = new Set(["github.com", "gitlab.com", "bitbucket.org"]);
const defaultPorts: Record<string, string> = { "https:": "443", "http:": "80", "ssh:": "22" };
/** Where forges are found: the usual ports, those beside them, and ssh where a firewall lets nothing but https through. */
const forgePorts: Record<string, readonly string[]> = {
  "https:": ["443", "8443"],
  "ssh:": ["22", "443", "2222"],
};

/**
 * Checks an address and finds its canonical key, which is the same for every spelling of one repository: https, ssh, scp-like, with and
 * without `.git`.
 * @throws AppError `repository.url_invalid` with what to do
 */
export function parseRepositoryUrl(text: string, gate: UrlGate): RepositoryAddress {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what the check is for
  if (/[\u0000-\u0020\u007f-\u009f\\]/.test(text) || text.startsWith("-")) {
    throw refuse("it must not hold spaces, backslashes or control characters, nor start with a dash");
  }
  if (text.startsWith("/") || text.startsWith("file:")) {
    return parsePath(text, gate);
  }
  // Looked for in the text: parsing an address resolves them silently.
  if (/[/:]\.\.?(?:\/|$)/.test(text.replace(/%2e/gi, "."))) {
    throw refuse("its path must not hold `.` or `..`");
  }
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) {
    return parseScpLike(text, gate);
  }
  if (scheme === "ssh") {
    return parseSsh(text, gate);
  }
  if (scheme === "https" || (scheme === "http" && gate.allowsPrivateHosts)) {
    return parseHttp(text, gate);
  }
  throw refuse("give an https or ssh address, or in local mode an absolute path");
}

function parsePath(text: string, { allowsPaths }: UrlGate): RepositoryAddress {
  if (!allowsPaths) {
    throw refuse("paths of the server are taken in local mode only; give an https or ssh address");
  }
  if (text.startsWith("/")) {
    return { kind: "path", path: text };
  }
  const url = parseUrl(text);
  if (url.hostname !== "" || url.search !== "" || url.hash !== "") {
    throw refuse("a file address must read file:///path");
  }
  const path = decode(url.pathname);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what the check is for
  if (/[\u0000-\u001f\u007f]/.test(path)) {
    throw refuse("the path must not hold control characters");
  }
  return { kind: "path", path };
}

function parseHttp(text: string, gate: UrlGate): RepositoryAddress {
  const url = parseUrl(text);
  if (url.username !== "" || url.password !== "") {
    throw refuse("it must hold no user name, password or token; workers take credentials from their own git");
  }
  assertPublic(url.hostname, gate);
  assertForgePort(url, gate);
  return remote(text, url, "");
}

/** The refusal of a host in a private network. @param address that its name leads to, when it is not the host itself */
export const privateHost = (address?: string): AppError =>
  refuse(
    `the host ${address === undefined ? "" : `leads to ${address}, which `}lies in a private network; set AGENTVINE_ALLOW_PRIVATE_HOSTS=true to allow such hosts`,
  );

/** Looks at the host as every program does that connects to it: `0x7f.1` is an address, too. */
function assertPublic(host: string, { allowsPrivateHosts }: UrlGate): void {
  if (allowsPrivateHosts) return;
  const { hostname } = parseUrl(`http://${host}`);
  if (isPrivateHost(hostname)) throw privateHost();
  if (isIP(hostname.replace(/^\[|\]$/g, "")) !== 0)
    throw refuse(
      "the host is a number: give its name, or set AGENTVINE_ALLOW_PRIVATE_HOSTS=true to allow such hosts",
    );
}

/** Nobody looks for other servers of a public host by adding a repository. */
function assertForgePort({ protocol, port }: URL, { allowsPrivateHosts }: UrlGate): void {
  const taken = forgePorts[protocol] ?? [];
  if (allowsPrivateHosts || port === "" || taken.includes(port)) return;
  throw refuse(
    `its port ${port} is none of ${taken.join(", ")}; set AGENTVINE_ALLOW_PRIVATE_HOSTS=true to allow any port`,
  );
}

function parseSsh(text: string, gate: UrlGate): RepositoryAddress {
  const url = parseUrl(text);
  if (url.password !== "") {
    throw refuse("it must hold no password; workers take credentials from their own ssh");
  }
  assertPublic(url.hostname, gate);
  assertForgePort(url, gate);
  return remote(text, url, decode(url.username));
}

/** `user@host:path`, as git and ssh take it. */
function parseScpLike(text: string, gate: UrlGate): RepositoryAddress {
  const parts = /^(?:([^@:/]+)@)?([^@:/]+):(?!\/\/)([^:].*)$/.exec(text);
  const [, user = "", host, path] = parts ?? [];
  if (host === undefined || path === undefined) {
    throw refuse("give an https or ssh address, or in local mode an absolute path");
  }
  const url = parseUrl(`ssh://${user === "" ? "" : `${user}@`}${host}/${path.replace(/^\/+/, "")}`);
  assertPublic(host, gate);
  return remote(text, url, user);
}

function parseUrl(text: string): URL {
  if (!URL.canParse(text)) {
    throw refuse("it is no valid address");
  }
  return new URL(text);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw refuse("it holds a broken percent sequence");
  }
}

function remote(text: string, url: URL, user: string): RepositoryAddress {
  const host = url.hostname.toLowerCase().replace(/\.$/, "");
  if (!/^(?:[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\])$/.test(host)) {
    throw refuse("its host is not valid");
  }
  if (user !== "" && !/^[A-Za-z0-9_.][\w.-]*$/.test(user)) {
    throw refuse("its user name is not valid");
  }
  if (url.search !== "" || url.hash !== "") {
    throw refuse("it must end with the path: leave out what follows `?` or `#`");
  }
  const path = repositoryPath(url.pathname);
  const port = url.port === "" || url.port === defaultPorts[url.protocol] ? "" : `:${url.port}`;
  // `git` is the one account of every forge; on other machines each account has repositories of its own.
  const owner = user === "" || user === "git" ? "" : `${user}@`;
  const canonicalPath = caseBlindHosts.has(host) ? path.toLowerCase() : path;
  const name = path.split("/").at(-1) ?? path;
  const canonicalKey = `${owner}${host}${port}/${canonicalPath}`;
  return { kind: "remote", url: text, canonicalKey, name, hostname: host };
}

function repositoryPath(pathname: string): string {
  const path = decode(pathname)
    .replace(/\/{2,}/g, "/")
    .replace(/^\/|\/$/g, "")
    .replace(/\.git$/, "");
  const segments = path.split("/");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what the check is for
  if (path === "" || /[\u0000-\u001f\u007f\\]/.test(path)) {
    throw refuse("it names no repository behind the host");
  }
  if (path.startsWith("-") || segments.some((segment) => segment === ".." || segment === ".")) {
    throw refuse("its path must not start with a dash nor hold `.` or `..`");
  }
  return path;
}
