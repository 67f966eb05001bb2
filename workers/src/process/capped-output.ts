/** Keeps the head and the tail of a byte stream in bounded memory; what lies between is counted and dropped. */
export interface CappedOutput {
  push(chunk: Uint8Array): void;
  readonly totalBytes: number;
  readonly isTruncated: boolean;
  /** UTF-8 text of the kept part, with a marker where bytes were left out. Bytes that are no UTF-8 become U+FFFD. */
  text(): string;
}

/** @param bytesMax half of it is kept from the start, half from the end. */
export function createCappedOutput(bytesMax: number): CappedOutput {
  const headMax = Math.ceil(bytesMax / 2);
  const tailMax = Math.max(0, bytesMax - headMax);
  const head: Uint8Array[] = [];
  let headBytes = 0;
  let tail: Uint8Array[] = [];
  let tailBytes = 0;
  let totalBytes = 0;

  const keepTail = (chunk: Uint8Array): void => {
    // A copy: a view would keep the whole pooled buffer of the pipe alive.
    tail.push(Uint8Array.from(chunk.length > tailMax ? chunk.subarray(chunk.length - tailMax) : chunk));
    tailBytes += Math.min(chunk.length, tailMax);
    // Compacted only when twice too long, so that many tiny chunks do not cost a copy each.
    if (tailBytes > 2 * tailMax || tail.length > 4_096) {
      const joined = Buffer.concat(tail);
      tail = [joined.subarray(Math.max(0, joined.length - tailMax))];
      tailBytes = Math.min(joined.length, tailMax);
    }
  };

  return {
    push(chunk) {
      totalBytes += chunk.length;
      const forHead = chunk.subarray(0, Math.max(0, headMax - headBytes));
      if (forHead.length > 0) {
        head.push(Uint8Array.from(forHead));
        headBytes += forHead.length;
      }
      if (forHead.length < chunk.length) {
        keepTail(chunk.subarray(forHead.length));
      }
    },
    get totalBytes() {
      return totalBytes;
    },
    get isTruncated() {
      return totalBytes > bytesMax;
    },
    text() {
      const first = Buffer.concat(head);
      const joined = Buffer.concat(tail);
      const last = joined.subarray(Math.max(0, joined.length - tailMax));
      if (totalBytes <= bytesMax) {
        return Buffer.concat([first, last]).toString("utf8");
      }
      const dropped = totalBytes - first.length - last.length;
      const marker = `\n[… ${dropped.toLocaleString("en-US")} bytes left out …]\n`;
      return withoutCutEnd(first).toString("utf8") + marker + withoutCutStart(last).toString("utf8");
    },
  };
}

const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;

/** Drops the first bytes of a character whose rest was left out. */
function withoutCutEnd(bytes: Buffer): Buffer {
  for (let back = 1; back <= Math.min(4, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (isContinuation(byte)) {
      continue;
    }
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? bytes.subarray(0, bytes.length - back) : bytes;
  }
  return bytes;
}

/** Drops the last bytes of a character whose start was left out. */
function withoutCutStart(bytes: Buffer): Buffer {
  let start = 0;
  while (start < 3 && isContinuation(bytes[start])) {
    start += 1;
  }
  return bytes.subarray(start);
}
