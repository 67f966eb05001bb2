/** Characters of one stored line at most; longer lines come in pieces. */
const lineCharsMax = 16_384;

/** Cuts a stream of text into lines. */
export interface LineSplitter {
  /** The lines that are complete by now, without their line ends; a line that is too long comes in pieces. */
  push(text: string): string[];
  /** What is left, if anything. */
  end(): string[];
}

/** A carriage return ends a line as well: progress bars then show as lines, and an endless one does not fill the memory. */
export const createLineSplitter = (charsMax: number = lineCharsMax): LineSplitter => {
  let rest = "";
  const cutLong = (line: string): string[] => {
    const pieces: string[] = [];
    for (let at = 0; at < line.length; ) {
      let to = Math.min(line.length, at + charsMax);
      // Never between the halves of a character.
      if (to < line.length && /[\uD800-\uDBFF]/.test(line.charAt(to - 1))) to -= 1;
      pieces.push(line.slice(at, to));
      at = to;
    }
    return pieces.length === 0 ? [""] : pieces;
  };
  return {
    push(text) {
      const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop() ?? "";
      const done = lines.flatMap(cutLong);
      if (rest.length > charsMax) {
        const pieces = cutLong(rest);
        rest = pieces.pop() ?? "";
        done.push(...pieces);
      }
      return done;
    },
    end() {
      const last = rest.replace(/\r$/, "");
      rest = "";
      return last === "" ? [] : cutLong(last);
    },
  };
};
