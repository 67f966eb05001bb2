import { AppError, judgeHost, type LookUpHost } from "@agentvine/kit";
import type { RemoteAddress } from "./remote-address.ts";

/** The only addresses that a command may connect to: those that were judged. */
export interface HostPin {
  /** As it stands in the address. */
  readonly hostname: string;
  readonly port: number;
  /** IPv6 without brackets. */
  readonly addresses: readonly string[];
}

export interface PinOptions {
  /** Hosts of private networks may be used; nothing is asked and nothing pinned. */
  readonly allowsPrivateHosts: boolean;
  readonly lookUpHost?: LookUpHost;
}

const defaultPorts = { https: 443, http: 80, ssh: 22 } as const;

/**
 * Finds out where the host of an address leads, now. The backend did so when the repository was registered, but a name may have changed
 * its mind since: what is told here is what git is held to.
 * @throws AppError `repository.url_invalid` when it leads into a private network, `repository.unreachable` when it leads nowhere,
 * `repository.network_failed` (to be tried again) when the resolver is away
 */
export async function pinRemote(address: RemoteAddress, options: PinOptions): Promise<HostPin | null> {
  const { transport } = address;
  if (transport === "local" || options.allowsPrivateHosts) return null;
  const { hostname, port } = new URL(address.url);
  const verdict = await judgeHost(hostname, options.lookUpHost);
  switch (verdict.kind) {
    case "private":
      throw new AppError(
        "repository.url_invalid",
        `The repository address can't be used: its host leads to ${verdict.address}, in a private network or written as a number. Set AGENTVINE_ALLOW_PRIVATE_HOSTS=true for this worker to allow such hosts.`,
      );
    case "unknown":
      throw verdict.isTemporary
        ? new AppError(
            "repository.network_failed",
            `The connection to the repository broke: nobody could say where its host ${hostname} is.`,
          )
        : new AppError("repository.unreachable", `The host of the repository is not known: ${hostname}.`);
    case "public":
      return {
        hostname,
        port: port === "" ? defaultPorts[transport] : Number(port),
        addresses: verdict.addresses,
      };
  }
}

const bracketed = (address: string): string => (address.includes(":") ? `[${address}]` : address);

/** The setting that makes git's http transport connect to these addresses and ask no resolver. Since git 2.37. */
export const httpPin = ({ hostname, port, addresses }: HostPin): string =>
  `http.curloptResolve=${hostname}:${port}:${addresses.map(bracketed).join(",")}`;

/** Options that make ssh connect to the first address, and look for the host's key under its name all the same. */
export function sshPin({ hostname, port, addresses }: HostPin): string[] {
  const alias = port === defaultPorts.ssh ? hostname : `[${hostname}]:${port}`;
  return [`-oHostName=${addresses[0] ?? ""}`, `-oHostKeyAlias=${alias}`, "-oCheckHostIP=no"];
}
