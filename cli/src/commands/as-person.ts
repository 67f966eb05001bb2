import { endpoints } from "@agentvine/contracts";
import { connect, serverUrl } from "../connection/connect.ts";
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
  const client = connect({ ...config, token: undefined, home: "" }, server);
  const { accessToken, refreshToken } = await client.call(endpoints.auth.login, {
    body: { identifier: login.username, password, transport: "body" },
  });
  try {
    const session = connect({ ...config, token: accessToken }, server);
    return await act({ ...context, client: session, json: flags.json === true });
  } finally {
    await client
      .call(endpoints.auth.logout, { body: { refreshToken: refreshToken ?? "" } })
      .catch(() => undefined);
  }
}
