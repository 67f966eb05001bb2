import { closeSync, openSync, readSync, writeSync } from "node:fs";

/** What is stored of one execution's log at most, marker included. */
const logBytesMax = 16 * 1_048_576;
/** Kept free for what the worker itself has to say once the rest is cut: gate results, the reason of the end. */
const reserveBytes = 256 * 1_024;

/**
 * The log as a file of whole lines, on disk before it is sent. Writing never waits for the network. What goes beyond the cap, or what
 * the disk does not take, is counted and dropped.
 */
export class LogSpool {
  readonly #fd: number;
  readonly #bytesMax: number;
  #bytes = 0;
  #droppedBytes = 0;
  #isBroken = false;

  /** @throws when the file can't be made. */
  constructor(path: string, bytesMax: number = logBytesMax) {
    this.#fd = openSync(path, "w+", 0o600);
    this.#bytesMax = bytesMax;
  }

  /** Bytes in the file: the offset of the next line. */
  get bytes(): number {
    return this.#bytes;
  }

  get droppedBytes(): number {
    return this.#droppedBytes;
  }

  /**
   * Appends a line with its line end. `isVital` lines may use the reserve.
   * @returns false when there is no room for it: tell with `drop` what that costs.
   */
  append(line: string, isVital: boolean): boolean {
    const bytes = Buffer.from(line, "utf8");
    const room = this.#bytesMax - this.#bytes - (isVital ? 0 : Math.min(reserveBytes, this.#bytesMax / 4));
    return !this.#isBroken && bytes.length <= room && this.#write(bytes);
  }

  /** Counts output that was left out, in bytes as it came. */
  drop(bytes: number): void {
    this.#droppedBytes += bytes;
  }

  /** Whole lines from an offset on: about `bytesMax`, at least one line. Empty at the end. */
  read(offset: number, bytesMax: number): { readonly text: string; readonly bytes: number } {
    const available = this.#bytes - offset;
    for (let size = Math.min(available, bytesMax); size > 0; size = Math.min(available, size * 2)) {
      const buffer = Buffer.alloc(size);
      const read = readSync(this.#fd, buffer, 0, size, offset);
      const end = buffer.subarray(0, read).lastIndexOf(0x0a) + 1;
      if (end > 0) return { text: buffer.subarray(0, end).toString("utf8"), bytes: end };
      if (size >= available) break;
    }
    return { text: "", bytes: 0 };
  }

  /** Everything, for the artifact. */
  readAll(): Uint8Array {
    const buffer = Buffer.alloc(this.#bytes);
    readSync(this.#fd, buffer, 0, buffer.length, 0);
    return buffer;
  }

  close(): void {
    closeSync(this.#fd);
  }

  #write(bytes: Buffer): boolean {
    try {
      let written = 0;
      while (written < bytes.length) {
        written += writeSync(this.#fd, bytes, written, bytes.length - written, this.#bytes + written);
      }
      this.#bytes += bytes.length;
      return true;
    } catch {
      // A full disk costs the log, not the work; what the work itself needs of the disk fails by itself.
      this.#isBroken = true;
      return false;
    }
  }
}
