import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Client, createClient } from "@agentvine/client";
import { AppError, connectBackend, isLoopback } from "@agentvine/kit";
import type { CliConfig } from "../config.ts";
import { readUpState } from "../processes/up-state.ts";
import { readLogin } from "./login-file.ts";

const defaultUrl = "http://127.0.0.1:7420";

/** Address of the backend: the flag, AGENTVINE_SERVER, what `up` wrote down, where one signed in, the default port. */
export const serverUrl = (config: CliConfig, flag?: string): string =>
  flag ?? config.serverUrl ?? readUpState(config.home)?.url ?? readLogin(config.home)?.server ?? defaultUrl;

const originOf = (url: string | undefined): string | undefined =>
  url !== undefined && URL.canParse(url) ? new URL(url).origin : undefined;

/** Whether the backend at that address is the one of this data directory, whose token file opens it. */
const isOwn = (config: CliConfig, baseUrl: string): boolean =>
  isLoopback(baseUrl) || originOf(readUpState(config.home)?.url) === originOf(baseUrl);

const tokenOf = (config: CliConfig, baseUrl: string): string | undefined => {
  if (config.token !== undefined) return config.token;
  const login = readLogin(config.home);
  if (login !== undefined && login.server === baseUrl) return login.key;
  // The file opens this machine: no other one ever gets to see it.
  if (!isOwn(config, baseUrl)) return undefined;
  try {
    return readFileSync(join(config.home, "token"), "utf8").trim();
  } catch (error) {
    if (isMissing(error)) return undefined; // the backend says whether one is needed
    throw new AppError("home.unusable", `the token file in ${config.home} can't be read`, { cause: error });
  }
};

const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");

/**
 * A client for the backend this command line talks to.
 * @throws AppError `command.usage`, `config.invalid`, `home.unusable`
 */
export const connect = (config: CliConfig, flag?: string): Client => {
  const baseUrl = serverUrl(config, flag);
  if (!/^https?:\/\//.test(baseUrl)) {
    throw new AppError(
      "command.usage",
      `the server address must start with http:// or https://, got ${baseUrl}`,
    );
  }
  const { caFile, allowsPlainHttp } = config;
  const connection = connectBackend({ serverUrl: baseUrl, caFile, allowsPlainHttp });
  const token = tokenOf(config, baseUrl);
  return createClient({ ...connection, ...(token === undefined ? {} : { token }) });
};

/** A client for who has nothing to show yet, but a password or a link. */
export const connectUnknown = (config: CliConfig, server: string): Client =>
  connect({ ...config, token: undefined, home: "" }, server);
