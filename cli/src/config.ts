import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { resolveHome } from "@agentvine/kit";
import { z } from "zod";

export type Environment = Readonly<Record<string, string | undefined>>;

/** What the command line knows before it looks at its arguments. */
export interface CliConfig {
  /** The data directory; made when something is first written. */
  readonly home: string;
  /** AGENTVINE_SERVER: the backend to talk to instead of the one `up` runs here. */
  readonly serverUrl: string | undefined;
  /** AGENTVINE_CA_FILE: the CA that signed the backend's certificate. */
  readonly caFile: string | undefined;
  /** AGENTVINE_ALLOW_PLAIN_HTTP: talk to a backend on another machine in the clear. */
  readonly allowsPlainHttp: boolean;
  /** AGENTVINE_TOKEN: instead of the token file in the data directory. */
  readonly token: string | undefined;
  /** The environment the started processes get their settings from. */
  readonly environment: Environment;
  readonly version: string;
}

const versionSchema = z.object({ version: z.string() });

const ownVersion = (): string =>
  versionSchema.parse(
    JSON.parse(readFileSync(fileURLToPath(new URL("../package.json", import.meta.url)), "utf8")),
  ).version;

const filled = (value: string | undefined): string | undefined =>
  value === undefined || value === "" ? undefined : value;

/** Reads the environment. @throws AppError `home.unusable` when no data directory can be used. */
export const loadCliConfig = (environment: Environment = process.env): CliConfig => ({
  home: resolveHome(environment),
  serverUrl: filled(environment.AGENTVINE_SERVER),
  caFile: filled(environment.AGENTVINE_CA_FILE),
  allowsPlainHttp: ["true", "1"].includes(environment.AGENTVINE_ALLOW_PLAIN_HTTP ?? ""),
  token: filled(environment.AGENTVINE_TOKEN),
  environment,
  version: ownVersion(),
});
