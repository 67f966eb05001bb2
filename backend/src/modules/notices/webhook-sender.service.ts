import { lookup as lookUp } from "node:dns";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { AppError, type Clock, isPrivateHost } from "@agentvine/kit";
import { version } from "../../version.ts";
import { signatureHeader, signWebhook } from "./webhook-signature.ts";

export interface WebhookCall {
  readonly url: string;
  readonly body: string;
  /** The same for each try of a notice: the receiver can tell a repeat. */
  readonly noticeId: string;
  readonly secret: string;
}

export interface WebhookSender {
  /** @throws an error that says in words why it did not arrive; `notice_channel.address_refused` for a private address */
  send(call: WebhookCall): Promise<void>;
  /** @throws AppError `notice_channel.address_refused` */
  checkAddress(url: string): void;
}

const timeoutMs = 10_000;

const refused = (host: string): AppError =>
  new AppError("notice_channel.address_refused", `${host} is in a private network.`, {
    issues: [{ path: "address", message: "leads into a private network" }],
  });

/**
 * Calls webhooks. Redirects are not followed, and the address is judged after the name was resolved, for the very connection that is
 * made: a name that changes its mind between check and call reaches nothing.
 */
export function createWebhookSender(options: { allowsPrivateHosts: boolean; clock: Clock }): WebhookSender {
  const { allowsPrivateHosts, clock } = options;
  const lookup: LookupFunction = (hostname, lookupOptions, callback) => {
    lookUp(hostname, { ...lookupOptions, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, "", 0);
      const isRefused =
        !allowsPrivateHosts && addresses.some(({ address }) => isPrivateHost(hostOf(address)));
      const first = addresses[0];
      if (isRefused || first === undefined) return callback(refused(hostname), "", 0);
      if (lookupOptions.all === true) return callback(null, addresses);
      callback(null, first.address, first.family);
    });
  };
  const checkAddress = (url: string): void => {
    const { hostname } = new URL(url);
    if (!allowsPrivateHosts && isPrivateHost(hostname)) throw refused(hostname);
  };

  return {
    checkAddress,
    async send({ url, body, noticeId, secret }) {
      checkAddress(url);
      const target = new URL(url);
      const seconds = Math.floor(clock.now().getTime() / 1_000);
      const headers = {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
        "user-agent": `agentvine/${version}`,
        "x-agentvine-notice": noticeId,
        [signatureHeader]: signWebhook(secret, body, seconds),
      };
      await new Promise<void>((resolve, reject) => {
        const request = (target.protocol === "https:" ? requestHttps : requestHttp)(
          target,
          { method: "POST", headers, lookup, signal: AbortSignal.timeout(timeoutMs) },
          (response) => {
            const status = response.statusCode ?? 0;
            // What it says does not matter, and may be endless.
            response.destroy();
            if (status >= 200 && status < 300) resolve();
            else reject(new Error(`the webhook answered ${status}`));
          },
        );
        request.on("error", (error) =>
          reject(error.name === "TimeoutError" ? new Error("the webhook gave no answer within 10 s") : error),
        );
        request.end(body);
      });
    },
  };
}

const hostOf = (address: string): string => (isIP(address) === 6 ? `[${address}]` : address);
