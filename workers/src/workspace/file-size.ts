import { AppError } from "@agentvine/kit";
import type { Mirror } from "./mirror.ts";

/** A file with holes costs next to nothing on the agent's disk, but minutes in git and its whole size at each checkout. */
const fileBytesMax = 256 * 1_048_576;

/** How a script says that a file is too large; it names the file on standard error. */
export const tooLargeExitCode = 77;

/** Part of a script: ends it when `git add` would take in a file that is too large. */
export const refuseLargeFiles = `
large=$(git ls-files -z --others --modified --exclude-standard 2>/dev/null | xargs -0 -n 500 sh -c '
  for file do set -- "$@" "./$file"; shift; done
  [ $# = 0 ] || find "$@" -maxdepth 0 -type f -size +${fileBytesMax / 512} 2>/dev/null
' sh | head -n 1)
if [ -n "$large" ]; then printf '%s\\n' "$large" >&2; exit ${tooLargeExitCode}; fi
`;

export const fileTooLarge = (path: string): AppError =>
  new AppError(
    "workspace.too_large",
    `The file ${JSON.stringify(path)} is larger than ${fileBytesMax / 1_048_576} MiB, which no result may hold.`,
  );

/**
 * Looks at what a commit of the mirror adds to another one: the agent may have committed by itself what it was not allowed to hand in.
 * @throws AppError `workspace.too_large`
 */
export async function assertFileSizes(mirror: Mirror, base: string, commit: string): Promise<void> {
  const { text } = await mirror.git(
    ["diff-tree", "-r", "-z", "--no-renames", "--diff-filter=AMT", base, commit],
    {
      outputBytesMax: 32 * 1_048_576,
    },
  );
  const paths = new Map<string, string>();
  for (const [, id = "", path = ""] of text.matchAll(/:\d+ \d+ \S+ (\S+) [A-Z]\0([^\0]+)\0/g)) {
    paths.set(id, path);
  }
  const sizes = await mirror.git(["cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)"], {
    stdin: [...paths.keys()].map((id) => `${id}\n`).join(""),
    outputBytesMax: 32 * 1_048_576,
  });
  for (const [, id = "", size] of sizes.text.matchAll(/^(\S+) blob (\d+)$/gm)) {
    if (Number(size) > fileBytesMax) {
      throw fileTooLarge(paths.get(id) ?? id);
    }
  }
}
