import { type AccountLink, endpoints, roleSchema, type User } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import { exitCodes } from "../exit-code.ts";
import { foreign } from "../output/output.ts";
import { table } from "../output/table.ts";
import type { ClientContext } from "./command.ts";

const pageSize = 100;

const roleOf = (given: string) => {
  const { data } = roleSchema.safeParse(given);
  if (data !== undefined) return data;
  throw new AppError("command.usage", `"${given}" is no role: admin, developer or viewer`);
};

/** The user of that name or e-mail address. @throws AppError `user.not_found` */
async function findUser({ client }: ClientContext, given: string): Promise<User> {
  const name = given.trim().toLowerCase();
  const { items } = await client.call(endpoints.users.list, { query: { text: name, pageSize } });
  const found = items.find(({ username, email }) => username === name || email === name);
  if (found === undefined) throw new AppError("user.not_found", `there is no user ${given}`);
  return found;
}

const stateOf = ({ isActive, isVerified }: User): string =>
  isActive ? (isVerified ? "active" : "not verified") : "disabled";

/** `user list`: the users, by name. */
export const userList = async (
  { client, output, json }: ClientContext,
  search: string | undefined,
): Promise<number> => {
  const query = { pageSize, ...(search === undefined ? {} : { text: search }) };
  const { items, total } = await client.call(endpoints.users.list, { query });
  if (json) output.json({ items });
  else if (items.length === 0) output.line("there is no such user");
  else {
    const rows = items.map((user) => [
      foreign(user.username),
      foreign(user.email),
      user.role,
      stateOf(user),
      user.lastLoginAt ?? "never",
    ]);
    output.line(table(["name", "e-mail", "role", "state", "last signed in"], rows));
    if (total > items.length) output.note(`${total - items.length} more: narrow it with --search`);
  }
  return exitCodes.ok;
};

const showLink = ({ output, json }: ClientContext, link: AccountLink): number => {
  if (json) output.json(link);
  else {
    output.note(
      link.isMailed
        ? `mailed; works once, until ${link.expiresAt}`
        : `no e-mail is sent here: hand this link over yourself; it works once, until ${link.expiresAt}`,
    );
    output.line(link.url);
  }
  return exitCodes.ok;
};

/** `user invite`: the link alone on stdout. */
export const userInvite = async (context: ClientContext, email: string, role: string): Promise<number> =>
  showLink(
    context,
    await context.client.call(endpoints.users.invite, { body: { email, role: roleOf(role) } }),
  );

/** `user reset`: the link alone on stdout. */
export const userLink = async (context: ClientContext, name: string): Promise<number> => {
  const { id: userId } = await findUser(context, name);
  const body = { purpose: "reset_password" } as const;
  return showLink(
    context,
    await context.client.call(endpoints.users.createLink, { params: { userId }, body }),
  );
};

/** `user role|disable|enable|verify`. */
export const userPatch = async (
  context: ClientContext,
  name: string,
  { role, ...flags }: { role?: string; isActive?: boolean; isVerified?: true },
): Promise<number> => {
  const { client, output, json } = context;
  const body = { ...flags, ...(role === undefined ? {} : { role: roleOf(role) }) };
  const { id: userId } = await findUser(context, name);
  const user = await client.call(endpoints.users.patch, { params: { userId }, body });
  if (json) output.json(user);
  else output.line(`${foreign(user.username)} is ${user.role}, ${stateOf(user)}`);
  return exitCodes.ok;
};
