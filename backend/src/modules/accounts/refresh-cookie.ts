import type { IncomingHttpHeaders } from "node:http";
import { AppError } from "@agentvine/kit";
import { refreshDays } from "./session-lifetime.ts";

const path = "/api/v1/auth";
/** Over TLS no page of another host name can set it either. */
const nameOf = (isSecure: boolean): string => `${isSecure ? "__Secure-" : ""}agentvine_refresh`;

/** Keeps a refresh token in the browser: out of reach of scripts, and sent to the routes of `/api/v1/auth` alone. */
export const refreshCookie = (token: string, isSecure: boolean): string =>
  `${nameOf(isSecure)}=${token}; Path=${path}; Max-Age=${refreshDays * 86_400}; HttpOnly; SameSite=Strict${isSecure ? "; Secure" : ""}`;

export const noRefreshCookie = (isSecure: boolean): string =>
  `${nameOf(isSecure)}=; Path=${path}; Max-Age=0; HttpOnly; SameSite=Strict${isSecure ? "; Secure" : ""}`;

/**
 * The refresh token of the cookie. Only a page of ours may have the browser send it: its Origin and Sec-Fetch-Site say where it is from,
 * and a browser that sends neither can't be told from one that was tricked.
 * @param publicOrigin of the address that people use
 * @throws AppError `request.origin_refused`
 */
export function readRefreshCookie(
  headers: IncomingHttpHeaders,
  publicOrigin: string,
  isSecure: boolean,
): string | undefined {
  const prefix = `${nameOf(isSecure)}=`;
  const value = headers.cookie
    ?.split(";")
    .map((pair) => pair.trim())
    .find((pair) => pair.startsWith(prefix))
    ?.slice(prefix.length);
  if (value === undefined || value === "") return undefined;
  const { origin, host, "sec-fetch-site": site } = headers;
  const isOwnOrigin =
    origin !== undefined &&
    (origin === publicOrigin || (URL.canParse(origin) && new URL(origin).host === host));
  const isOwnPage = site === "same-origin" && (origin === undefined || isOwnOrigin);
  const isOwn = site === undefined ? isOwnOrigin : isOwnPage;
  if (isOwn) return value;
  throw new AppError(
    "request.origin_refused",
    "The session's cookie is taken from pages of this server alone. Programs send the refresh token in the body.",
  );
}
