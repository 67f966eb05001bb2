import type { Client } from "@agentvine/client";
import { endpoints, type User } from "@agentvine/contracts";
import type { CliConfig } from "../config.ts";
import { connect, connectUnknown, serverUrl } from "../connection/connect.ts";
import { readLogin } from "../connection/login-file.ts";
import { askPassword } from "./ask.ts";
import type { ClientContext, CommandContext, ServerFlags } from "./command.ts";
import { clientContext } from "./task.ts";

/**
 * Runs a command that leads to somebody's account: the key that `login` kept is not enough for it, so the password is asked for and a session begun
 * for this one command. Who has the token file, or names a token, is asked nothing.
 */
export async function asPerson(
  context: CommandContext,
  flags: ServerFlags,
  act: (context: ClientContext) => Promise<number>,
): Promise<number> {
  const { config } = context;
  const server = serverUrl(config, flags.server);
  const login = config.token === undefined ? readLogin(config.home) : undefined;
  if (login === undefined || login.server !== server) return await act(clientContext(context, flags));
  const password = await askPassword(context, `password of ${login.username}:`);
  return await inSession(config, { server, identifier: login.username, password }, (client) =>
    act({ ...context, client, json: flags.json === true }),
  );
}

interface Credentials {
  readonly server: string;
  readonly identifier: string;
  readonly password: string;
}

/** Signs in for what `act` does, and out again. */
export async function inSession<T>(
  config: CliConfig,
  { server, ...credentials }: Credentials,
  act: (client: Client, user: User) => Promise<T>,
): Promise<T> {
  const unknown = connectUnknown(config, server);
  const { accessToken, refreshToken, user } = await unknown.call(endpoints.auth.login, {
    body: { ...credentials, transport: "body" },
  });
  try {
    return await act(connect({ ...config, token: accessToken }, server), user);
  } finally {
    await unknown
      .call(endpoints.auth.logout, { body: { refreshToken: refreshToken ?? "" } })
      .catch(() => undefined);
  }
}
