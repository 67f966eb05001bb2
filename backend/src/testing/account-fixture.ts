import type { ErrorResponse, Role, SignedIn } from "@agentvine/contracts";
import { newId } from "@agentvine/kit";
import { waitUntil } from "@agentvine/testkit";
import { sql } from "drizzle-orm";
import {
  buildTestApp,
  type TestApp,
  type TestAppOptions,
  type TestRequest,
  type TestResponse,
} from "./build-test-app.ts";
import { startMailServer } from "./notice-receivers.ts";

export const password = "seven quiet lighthouses";

/** Somebody who has signed in. */
export interface SignedInPerson {
  id: string;
  username: string;
  email: string;
  token: string;
  refreshToken: string;
}

/** A backend with accounts, a mail server that it sends to, and a first administrator. */
export interface AccountFixture extends AsyncDisposable {
  app: TestApp;
  mailServer: Awaited<ReturnType<typeof startMailServer>>;
  admin: SignedInPerson;
  /** Signs in; the refresh token comes in the body. */
  logIn(identifier: string, password?: string): Promise<TestResponse<SignedIn>>;
  /** Makes an account by invitation and signs in. */
  newPerson(role?: Role): Promise<SignedInPerson>;
  /** Sends to a route of auth, as nobody unless told. */
  auth<T = unknown>(route: string, body: object, options?: TestRequest): Promise<TestResponse<T>>;
  refresh(refreshToken: string): Promise<TestResponse<SignedIn>>;
  /** What an access token is answered. */
  statusOf(person: { token: string }): Promise<number>;
  /** Runs a statement; its rows. */
  rows(statement: string): Promise<Record<string, unknown>[]>;
  /** The mail with that subject to an address, the first unless told; waits until it has arrived. */
  mail(address: string, subject: string, nth?: number): Promise<string>;
  close(): Promise<void>;
}

/** The body of a new account. */
export const account = (username: string) => ({ username, email: `${username}@example.org`, password });
export const codeOf = (body: unknown): string | undefined => (body as ErrorResponse | undefined)?.error?.code;
export const issueOf = (body: unknown) => (body as ErrorResponse).error.issues?.[0];

/** The token of a one-time link within a text. */
export const tokenIn = (text: string): string => /#token=(avo_[\w-]+)/.exec(text)?.[1] ?? "";

/** What was mailed to an address, in order, with soft line breaks undone. */
const mailsTo = ({ mailServer }: Pick<AccountFixture, "mailServer">, address: string): string[] =>
  mailServer.mails
    .filter(({ to }) => to.includes(address))
    .map(({ raw }) => raw.replaceAll("=\r\n", "").replaceAll("=3D", "="));

export async function buildAccountFixture(options: TestAppOptions = {}): Promise<AccountFixture> {
  const mailServer = await startMailServer();
  const app = await buildTestApp({
    ...options,
    config: { accounts: "open", smtpUrl: mailServer.url, ...options.config },
    // A password takes a third of a second as people wait for it; what it is worth has its own test.
    limits: { accounts: { bcryptCost: 4, mailRetryMs: 1 }, ...options.limits },
  });
  const auth: AccountFixture["auth"] = (route, body, requestOptions = {}) =>
    app.request("POST", `/api/v1/auth/${route}`, { token: null, body, ...requestOptions });
  const logIn: AccountFixture["logIn"] = (identifier, given = password) =>
    auth("login", { identifier, password: given, transport: "body" });
  const signIn = async (username: string, email: string): Promise<SignedInPerson> => {
    const { body } = await logIn(username);
    const { accessToken: token, refreshToken, user } = body;
    return { id: user.id, username, email, token, refreshToken: refreshToken ?? "" };
  };
  const link = await app.accounts.makeSetUpLink();
  const root = { username: "root", email: "root@example.org" };
  await auth("set-up", { token: tokenIn(link?.url ?? ""), ...root, password });
  const admin = await signIn(root.username, root.email);
  const close = async () => {
    await app.close();
    await mailServer.close();
  };
  return {
    ...{ app, mailServer, admin, auth, logIn, close },
    refresh: (refreshToken) => auth("refresh", { refreshToken }),
    statusOf: async ({ token }) => (await app.request("GET", "/api/v1/users/me", { token })).status,
    rows: async (statement) => (await app.database.db.execute(sql.raw(statement))).rows,
    mail: (address, subject, nth = 0) =>
      waitUntil(async () =>
        mailsTo({ mailServer }, address)
          .filter((text) => text.includes(`Subject: ${subject}`))
          .at(nth),
      ),
    async newPerson(role = "developer") {
      const username = `u${newId().slice(-12)}`;
      const email = `${username}@example.org`;
      const invited = await app.request<{ url: string }>("POST", "/api/v1/users/invitations", {
        token: admin.token,
        body: { email, role },
      });
      await auth("register", { username, email, password, invitation: tokenIn(invited.body.url) });
      return await signIn(username, email);
    },
    [Symbol.asyncDispose]: close,
  };
}
