import type { CredentialKind } from "@agentvine/contracts";

/** What opens a repository at an address, beside what was stored for that repository alone. */
export interface WantedCredential {
  kind: CredentialKind;
  /** Whose credentials may be used as well; null: none but the repository's own. */
  host: string | null;
}

/**
 * Which credential an address takes; undefined when it takes none, as a path does. Over plain http everybody on the way reads a token:
 * only one that somebody gave to that very repository goes there.
 * @param canonicalKey of the repository: it begins with user and host
 */
export function wantedCredential(url: string, canonicalKey: string): WantedCredential | undefined {
  if (canonicalKey.startsWith("file:")) return undefined;
  const place = canonicalKey.split("/")[0] ?? "";
  const host = place.slice(place.lastIndexOf("@") + 1);
  if (/^http:/i.test(url)) return { kind: "token", host: null };
  return { kind: /^https:/i.test(url) ? "token" : "ssh_key", host };
}

/** True for a private key that wants a passphrase, which nobody is there to type. */
export function wantsPassphrase(privateKey: string): boolean {
  if (/ENCRYPTED/.test(privateKey)) return true;
  const body = /BEGIN OPENSSH PRIVATE KEY-----([\s\S]+)-----END/.exec(privateKey)?.[1];
  if (body === undefined) return false;
  // The name of the cipher is the first text behind the format's own name.
  const bytes = Buffer.from(body, "base64");
  const magic = "openssh-key-v1\0";
  if (bytes.subarray(0, magic.length).toString("latin1") !== magic || bytes.length < magic.length + 8)
    return false;
  const length = bytes.readUInt32BE(magic.length);
  const name = bytes.subarray(magic.length + 4, magic.length + 4 + Math.min(length, 64)).toString("latin1");
  return name !== "none";
}
