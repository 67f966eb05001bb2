import type { IncomingHttpHeaders } from "node:http";
import { AppError } from "@agentvine/kit";
import { cookieIn } from "../../cookie-in.ts";
import { refreshDays } from "./session-lifetime.ts";

const path = "/api/v1/auth";
/** Over TLS no page of another host name can set it either. */
const nameOf = (isSecure: boolean): string => `${isSecure ? "__Secure-" : ""}agentvine_refresh`;

/** Keeps a refresh token in the browser: out of reach of scripts, and sent to the routes of `/api/v1/auth` alone. */
export const refreshCookie = (
  token: string,
  isSecure: boolean,
  maxAgeSeconds = refreshDays * 86_400,
): string =>
  `${nameOf(isSecure)}=${token}; Path=${path}; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict${isSecure ? "; Secure" : ""}`;

/** Takes it out of the browser. */
export const noRefreshCookie = (isSecure: boolean): string => refreshCookie("", isSecure, 0);

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
  const value = cookieIn(headers, nameOf(isSecure));
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
