import { endpoints } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { route } from "../../http/route.ts";
import { type AccountServices, assertOn } from "./accounts.service.ts";
import { noRefreshCookie, readRefreshCookie, refreshCookie } from "./refresh-cookie.ts";
import type { SessionTokens } from "./session.service.ts";

/** Routes by which one comes in, goes, and gets a new password. */
export function registerAuthAccountRoutes(app: FastifyInstance, accounts: AccountServices): void {
  const { sessions, signIn, registration, passwords, users, publicUrl } = accounts;
  /** People use it over TLS: the browser must never send it in the clear. */
  const isSecure = (request: FastifyRequest) => request.isSecure || publicUrl().startsWith("https:");
  /** The answer of who signs in by a cookie: the refresh token goes where no script reads it. */
  const intoCookie = (tokens: SessionTokens, reply: FastifyReply) => {
    void reply.header("set-cookie", refreshCookie(tokens.refreshToken, isSecure(reply.request)));
    return { ...tokens, refreshToken: null };
  };
  const fromCookie = (request: FastifyRequest) =>
    readRefreshCookie(request.headers, new URL(publicUrl()).origin, isSecure(request));

  route(app, endpoints.auth.setUp, async ({ body: { token, ...account }, reply }) => {
    assertOn(accounts);
    return intoCookie(await registration.setUp(token, account), reply);
  });
  route(app, endpoints.auth.register, async ({ body: { invitation, ...account } }) => {
    assertOn(accounts);
    return { state: await registration.register(account, invitation) };
  });
  route(app, endpoints.auth.login, async ({ body: { identifier, password, transport }, reply }) => {
    assertOn(accounts);
    const tokens = await signIn.login(identifier, password);
    return transport === "body" ? tokens : intoCookie(tokens, reply);
  });
  route(app, endpoints.auth.refresh, async ({ body, request, reply }) => {
    assertOn(accounts);
    if (body.refreshToken !== undefined) return await sessions.refresh(body.refreshToken);
    const token = fromCookie(request);
    if (token === undefined)
      throw new AppError("auth.required", "A refresh token is needed: in the cookie or as `refreshToken`.");
    try {
      return intoCookie(await sessions.refresh(token), reply);
    } catch (error) {
      // The browser need not bring it again.
      void reply.header("set-cookie", noRefreshCookie(isSecure(request)));
      throw error;
    }
  });
  route(app, endpoints.auth.logout, async ({ body, request, reply }) => {
    assertOn(accounts);
    const token = body.refreshToken ?? fromCookie(request);
    if (token !== undefined) await sessions.end(token);
    void reply.header("set-cookie", noRefreshCookie(isSecure(request)));
  });
  route(app, endpoints.auth.forgotPassword, async ({ body }) => {
    assertOn(accounts);
    passwords.forgot(body.email);
    return { state: "accepted" as const };
  });
  route(app, endpoints.auth.resetPassword, async ({ body }) => {
    assertOn(accounts);
    await passwords.reset(body.token, body.newPassword);
  });
  route(app, endpoints.auth.verifyEmail, async ({ body }) => {
    assertOn(accounts);
    await users.verifyEmail(body.token);
  });
}
