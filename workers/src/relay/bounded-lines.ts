export interface BoundedLinesOptions {
  readonly bytesMax: number;
  readonly onLine: (line: string) => void;
  /** Called once for a line that is too long; it is passed over. */
  readonly onTooLong: () => void;
}

/** Cuts a stream of bytes into lines, keeping no more than `bytesMax` bytes whatever comes. */
export const createBoundedLines = ({ bytesMax, onLine, onTooLong }: BoundedLinesOptions) => {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  let isPassingOver = false;

  const keep = (part: Uint8Array): void => {
    if (isPassingOver) return;
    bytes += part.length;
    if (bytes > bytesMax) {
      isPassingOver = true;
      parts = [];
      onTooLong();
      return;
    }
    parts.push(part);
  };
  const end = (): void => {
    const line = isPassingOver ? "" : Buffer.concat(parts).toString("utf8").trim();
    parts = [];
    bytes = 0;
    isPassingOver = false;
    if (line !== "") onLine(line);
  };

  return (chunk: Uint8Array): void => {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      keep(chunk.subarray(from, at));
      end();
      from = at + 1;
    }
    if (from < chunk.length) keep(chunk.subarray(from));
  };
};
