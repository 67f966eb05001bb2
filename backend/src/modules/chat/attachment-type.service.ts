import { isUtf8 } from "node:buffer";
import { AppError } from "@agentvine/kit";
import { fileTypeFromBuffer } from "file-type";

/** So many first bytes are looked at. */
export const headBytesMax = 65_536;

const unknownType = "application/octet-stream";
const textType = "text/plain; charset=utf-8";
/** What a browser would run or render if it took it for what it is: kept as text. */
const markup = /^(?:text\/(?:html|xml)|application\/(?:xml|[\w.+-]+\+xml)|image\/svg\+xml)$/;
/** What people may call a text. */
const textual =
  /^(?:text\/.+|application\/(?:json|[\w.+-]+\+json|xml|[\w.+-]+\+xml|(?:x-)?(?:yaml|javascript|sh|toml)|x-ndjson|sql|typescript)|image\/svg\+xml)$/;
/** Archives whose own kind is told by what is in them, which the first bytes need not show. */
const containers: Readonly<Record<string, RegExp>> = {
  "application/zip":
    /zip|openxmlformats|opendocument|epub|java-archive|android\.package|xpinstall|ms-(?:word|excel|powerpoint)/,
  "application/x-cfb": /ms-?(?:word|excel|powerpoint|-outlook)|msword/,
  "application/gzip": /gzip|tar|tgz/,
};
const aliases: Readonly<Record<string, string>> = {
  "image/jpg": "image/jpeg",
  "image/x-png": "image/png",
  "audio/mp3": "audio/mpeg",
  "audio/x-wav": "audio/wav",
  "audio/wave": "audio/wav",
  "application/x-gzip": "application/gzip",
  "application/x-zip-compressed": "application/zip",
  "application/x-pdf": "application/pdf",
};

/** The type alone, without parameters, as it is spelled here. */
function essenceOf(declared: string | undefined): string {
  const essence = (declared ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  return aliases[essence] ?? essence;
}

/** What the first bytes of a file are. */
async function sniff(head: Buffer): Promise<string> {
  const found = (await fileTypeFromBuffer(head))?.mime;
  if (found !== undefined) return markup.test(essenceOf(found)) ? textType : essenceOf(found);
  return isText(head) ? textType : unknownType;
}

/** UTF-8 without control characters that no text has. The last character may be cut off. */
function isText(head: Buffer): boolean {
  const isCut = head.length >= headBytesMax;
  const whole = [0, 1, 2, 3].some(
    (cut) => (cut === 0 || isCut) && isUtf8(head.subarray(0, head.length - cut)),
  );
  return whole && !head.some((byte) => byte < 9 || (byte > 13 && byte < 27) || (byte > 27 && byte < 32));
}

const fits = (declared: string, sniffed: string): boolean => {
  if (declared === "" || declared === unknownType || declared === sniffed) return true;
  if (sniffed === textType) return textual.test(declared);
  // Nothing is known against it, unless it would be known by its first bytes.
  if (sniffed === unknownType)
    return !/^(?:image|audio|video|text|font)\//.test(declared) && declared !== "application/pdf";
  return containers[sniffed]?.test(declared) ?? false;
};

/**
 * The type of a file by its first bytes, and never one that a browser runs. What the sender says is compared, not believed.
 * @throws AppError `attachment.type_mismatch`
 */
export async function typeOf(head: Buffer, declared: string | undefined): Promise<string> {
  const sniffed = await sniff(head);
  const said = essenceOf(declared);
  if (fits(said, sniffed)) return sniffed;
  throw new AppError("attachment.type_mismatch", `The bytes are ${sniffed}, not ${said.slice(0, 100)}.`, {
    data: { contentType: sniffed },
  });
}
