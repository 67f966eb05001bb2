import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { isPrivateHost } from "./private-address.ts";

/** All addresses of a name, IPv4 and IPv6. Rejects when it has none, or cannot be asked about. */
export type LookUpHost = (hostname: string) => Promise<readonly { readonly address: string }[]>;

/** Asks the resolver of the machine, as every program on it does. */
export const lookUpHost: LookUpHost = (hostname) => lookup(hostname, { all: true });

/** What is behind the name of a host. */
export type HostVerdict =
  /** Only these, and each of them is public. Connect to none that is not among them. */
  | { readonly kind: "public"; readonly addresses: readonly string[] }
  /** Written as a number, or without an address that everybody can reach: `address` is the first that is private. */
  | { readonly kind: "private"; readonly address: string }
  /** The resolver knows no such name; or, where it may be another time, it was away or gave no answer in time. */
  | { readonly kind: "unknown"; readonly isTemporary: boolean };

const inBrackets = (address: string): string => (isIP(address) === 6 ? `[${address}]` : address);
const withoutZone = (address: string): string => address.split("%")[0] ?? address;

const isTemporary = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "EAI_AGAIN" || error.code === "ETIMEOUT");

async function inTime<T>(work: Promise<T>, timeoutMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, undefined);
  });
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Judges a host by its name and by every address that the name has now. A name that is judged once may lead elsewhere a moment later:
 * whoever connects uses the addresses told here.
 * @param hostname as it stands in an address; IPv6 in brackets
 */
export async function judgeHost(
  hostname: string,
  lookUp: LookUpHost = lookUpHost,
  timeoutMs = 5_000,
): Promise<HostVerdict> {
  // As every program reads it that connects to it: `0x7f.1` is an address, too.
  const text = `http://${hostname}`;
  const name = URL.canParse(text) ? new URL(text).hostname : hostname;
  if (isIP(name.replace(/^\[|\]$/g, "")) !== 0 || isPrivateHost(name))
    return { kind: "private", address: name };
  let answers: Awaited<ReturnType<LookUpHost>> | undefined;
  try {
    answers = await inTime(lookUp(name.replace(/\.$/, "")), timeoutMs);
  } catch (error) {
    return { kind: "unknown", isTemporary: isTemporary(error) };
  }
  if (answers === undefined) return { kind: "unknown", isTemporary: true };
  const addresses = answers.map(({ address }) => withoutZone(address));
  const hidden = addresses.find((address) => isIP(address) === 0 || isPrivateHost(inBrackets(address)));
  if (hidden !== undefined) return { kind: "private", address: hidden };
  return addresses.length === 0 ? { kind: "unknown", isTemporary: false } : { kind: "public", addresses };
}
