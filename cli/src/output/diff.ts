import type { Output } from "./output.ts";
import { plainText } from "./plain-text.ts";

/** A unified diff with the usual colours. */
export const coloredDiff = (patch: string, colors: Output["colors"]): string =>
  plainText(patch)
    .split("\n")
    .map((line) => {
      if (/^(diff |index |\+\+\+ |--- |new file|deleted file|rename |similarity )/.test(line))
        return colors.bold(line);
      if (line.startsWith("@@")) return colors.cyan(line);
      if (line.startsWith("+")) return colors.green(line);
      return line.startsWith("-") ? colors.red(line) : line;
    })
    .join("\n");
