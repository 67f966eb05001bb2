import { hostname } from "node:os";
import { endpoints, rolePermissions } from "@agentvine/contracts";
import { AppError, prepareDataDirectory } from "@agentvine/kit";
import { connect, connectUnknown, serverUrl } from "../connection/connect.ts";
import { readLogin, removeLogin, writeLogin } from "../connection/login-file.ts";
import { exitCodes } from "../exit-code.ts";
import { foreign } from "../output/output.ts";
import { inSession } from "./as-person.ts";
import { askPassword } from "./ask.ts";
import type { CommandContext, ServerFlags } from "./command.ts";

const keyDays = 90;
const keyMs = keyDays * 86_400_000;

/** `login`: signs in once, and keeps a key of one's own for the commands that follow. */
export const login = async (
  context: CommandContext,
  identifier: string,
  flags: ServerFlags,
): Promise<number> => {
  const { config, output } = context;
  const server = serverUrl(config, flags.server);
  const password = await askPassword(context, `password of ${identifier}:`);
  const { user, apiKey, secret } = await inSession(
    config,
    { server, identifier, password },
    async (client, person) => ({
      user: person,
      ...(await client.call(endpoints.system.createApiKey, {
        body: {
          name: `command line on ${hostname()}`.slice(0, 100),
          permissions: [...rolePermissions[person.role]],
          expiresAt: new Date(Date.now() + keyMs).toISOString(),
        },
      })),
    }),
  );
  await prepareDataDirectory(config.home);
  const earlier = readLogin(config.home);
  await writeLogin(config.home, { server, keyId: apiKey.id, key: secret, username: user.username });
  // The key of an earlier login is of no use any more.
  if (earlier !== undefined && earlier.server === server) await revoke(config, earlier, secret);
  const who = `${foreign(user.username)} (${user.role})`;
  if (flags.json === true) output.json({ server, username: user.username, role: user.role });
  else output.line(`signed in at ${server} as ${who}, for ${keyDays} days`);
  return exitCodes.ok;
};

const revoke = async (
  config: CommandContext["config"],
  { server, keyId }: { server: string; keyId: string },
  token: string,
): Promise<void> => {
  const client = connect({ ...config, token }, server);
  await client.call(endpoints.system.revokeApiKey, { params: { apiKeyId: keyId } }).catch(() => undefined);
};

/** `logout`: the kept key is revoked and forgotten. */
export const logout = async (context: CommandContext): Promise<number> => {
  const { config, output } = context;
  const kept = readLogin(config.home);
  if (kept === undefined) throw new AppError("command.usage", "nobody is signed in here");
  try {
    const client = connect({ ...config, token: kept.key }, kept.server);
    await client.call(endpoints.system.revokeApiKey, { params: { apiKeyId: kept.keyId } });
  } catch (error) {
    output.note(
      `the key could not be revoked at ${kept.server}: ${error instanceof Error ? error.message : ""}`,
    );
  }
  await removeLogin(config.home);
  output.line("signed out");
  return exitCodes.ok;
};

export interface SetUpFlags extends ServerFlags {
  readonly username: string;
  readonly email: string;
  readonly name?: string;
}

/** `account set-up`: the first administrator, by the link that `up` printed. */
export const setUp = async (context: CommandContext, link: string, flags: SetUpFlags): Promise<number> => {
  const { output } = context;
  const { client, token } = linkClient(context, link, flags);
  const password = await askPassword(context, "a password of at least 12 characters:");
  const { user } = await client.call(endpoints.auth.setUp, {
    body: {
      ...{ token, username: flags.username, email: flags.email, password },
      ...(flags.name === undefined ? {} : { fullName: flags.name }),
    },
  });
  if (flags.json === true) output.json({ user });
  else
    output.line(
      `${foreign(user.username)} is the first administrator; go on with: agentvine login ${foreign(user.username)}`,
    );
  return exitCodes.ok;
};

/** `account register`: an account by the link of an invitation. */
export const register = async (
  context: CommandContext,
  link: string,
  flags: Omit<SetUpFlags, "email">,
): Promise<number> => {
  const { client, token } = linkClient(context, link, flags);
  const password = await askPassword(context, "a password of at least 12 characters:");
  await client.call(endpoints.auth.register, {
    body: {
      ...{ invitation: token, username: flags.username, password },
      ...(flags.name === undefined ? {} : { fullName: flags.name }),
    },
  });
  context.output.line(`the account is made; go on with: agentvine login ${foreign(flags.username)}`);
  return exitCodes.ok;
};

/** `account reset-password`: a new password by a link. */
export const resetPassword = async (
  context: CommandContext,
  link: string,
  flags: ServerFlags,
): Promise<number> => {
  const { client, token } = linkClient(context, link, flags);
  const newPassword = await askPassword(context, "a new password of at least 12 characters:");
  await client.call(endpoints.auth.resetPassword, { body: { token, newPassword } });
  context.output.line("the password is set, and all sessions of the account are over");
  return exitCodes.ok;
};

/** `account verify-email`: by the link that was mailed there. */
export const verifyEmail = async (
  context: CommandContext,
  link: string,
  flags: ServerFlags,
): Promise<number> => {
  const { client, token } = linkClient(context, link, flags);
  await client.call(endpoints.auth.verifyEmail, { body: { token } });
  context.output.line("the e-mail address is verified");
  return exitCodes.ok;
};

/** Who comes by a link has nothing else to show. */
function linkClient({ config }: CommandContext, link: string, flags: ServerFlags) {
  const [server, token] = partsOf(link);
  return { token, client: connectUnknown(config, flags.server ?? server) };
}

/** Address and token of a link. @throws AppError `command.usage` */
function partsOf(link: string): [server: string, token: string] {
  const url = URL.canParse(link) ? new URL(link) : undefined;
  const token = /^#token=(\S+)$/.exec(url?.hash ?? "")?.[1];
  if (url === undefined || token === undefined)
    throw new AppError("command.usage", "give the whole link as you got it, in quotes");
  return [url.origin, token];
}
