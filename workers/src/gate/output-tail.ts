import { stripVTControlCharacters } from "node:util";

const tailBytesMax = 16 * 1024;

/** Keeps the end of what a command prints, stdout and stderr in the order in which they came. */
export class OutputTail {
  #bytes = Buffer.alloc(0);
  #isCut = false;

  push(chunk: Uint8Array): void {
    const joined = Buffer.concat([this.#bytes, chunk]);
    // Twice the size is kept because colour codes are taken out in the end.
    this.#isCut ||= joined.length > 2 * tailBytesMax;
    this.#bytes = joined.subarray(Math.max(0, joined.length - 2 * tailBytesMax));
  }

  /** At most 16 KiB of clean UTF-8: no colour codes, no control characters, no broken characters at the cut. */
  text(): string {
    const clean = cleanText(this.#bytes.toString("utf8"));
    const bytes = Buffer.from(clean, "utf8");
    if (!this.#isCut && bytes.length <= tailBytesMax) {
      return clean;
    }
    return bytes
      .subarray(Math.max(0, bytes.length - tailBytesMax + 8))
      .toString("utf8")
      .replace(/^\uFFFD+/, "");
  }
}

/** Output as people and JSON columns can take it. */
function cleanText(text: string): string {
  return (
    stripVTControlCharacters(text)
      .replaceAll("\r\n", "\n")
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, "")
  );
}
