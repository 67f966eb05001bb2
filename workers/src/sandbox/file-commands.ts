import { AppError } from "@agentvine/kit";
import { storageFault } from "../process/storage-fault.ts";
import type { CommandResult, Sandbox, SandboxFile } from "./sandbox.ts";
import { refused, relativeToWorkspace } from "./workspace-path.ts";

/**
 * Files are read and written by small shell scripts of coreutils *inside* the sandbox, never by our own process: whatever trap lies
 * in the workspace (links, pipes, devices) is met with the rights of the sandbox, not with ours. `realpath` tells where a path really
 * leads; a root that was itself replaced by a link is noticed by `pwd -P`.
 */
const exits = { missing: 66, outside: 67, notRegular: 68 } as const;

const prologue = `
root=$1 path=$2
[ "$(pwd -P)" = "$root" ] || exit ${exits.outside}
inside() { case "$1" in "$root"/*) ;; *) exit ${exits.outside} ;; esac; }
`;

// $1 root, $2 path, $3 bytes to give. The first line is the size of the whole file.
const readScript = `${prologue}
[ -e "./$path" ] || exit ${exits.missing}
file=$(realpath -- "./$path") || exit ${exits.missing}
inside "$file"
[ -f "$file" ] || exit ${exits.notRegular}
wc -c < "$file" || exit 1
exec head -c "$3" -- "$file"
`;

// $1 root, $2 path, content on stdin. The nearest folder that exists is judged before anything is made below it.
const writeScript = `${prologue}
parent="./$path"
while :; do
  parent=\${parent%/*}
  if [ -e "$parent" ] || [ -L "$parent" ]; then break; fi
done
real=$(realpath -- "$parent") || exit ${exits.outside}
inside "$real/"
if [ -L "./$path" ]; then
  file=$(realpath -- "./$path") || exit ${exits.outside}
  inside "$file"
fi
if [ -e "./$path" ] && [ ! -f "./$path" ]; then exit ${exits.notRegular}; fi
case "$path" in */*) mkdir -p -- "./\${path%/*}" || exit 1 ;; esac
exec cat > "./$path"
`;

const fileTimeoutMs = 60_000;
const english = { LC_ALL: "C" };

type Run = Sandbox["run"];

/** Reads up to `bytesMax` bytes of a regular file below the root. */
export async function readFileByCommand(
  run: Run,
  root: string,
  path: string,
  bytesMax: number,
): Promise<SandboxFile> {
  const relative = relativeToWorkspace(root, path);
  const chunks: Uint8Array[] = [];
  const result = await run({
    argv: ["/bin/sh", "-c", readScript, "read-file", root, relative, String(bytesMax)],
    env: english,
    timeoutMs: fileTimeoutMs,
    outputBytesMax: 2_000,
    onOutput: (stream, chunk) => {
      if (stream === "stdout") {
        chunks.push(Uint8Array.from(chunk));
      }
    },
  });
  throwUnlessDone(result, path);
  const all = Buffer.concat(chunks);
  const lineEnd = all.indexOf("\n");
  const sizeBytes = Number(all.subarray(0, lineEnd).toString("latin1").trim());
  const bytes = Uint8Array.from(all.subarray(lineEnd + 1));
  return { bytes, sizeBytes, isTruncated: sizeBytes > bytes.length };
}

/** Writes a regular file below the root and makes missing folders. A file that is there keeps its mode. */
export async function writeFileByCommand(
  run: Run,
  root: string,
  path: string,
  content: string | Uint8Array,
): Promise<void> {
  const relative = relativeToWorkspace(root, path);
  if (relative === ".") {
    throw refused(path, "it is a folder");
  }
  const result = await run({
    argv: ["/bin/sh", "-c", writeScript, "write-file", root, relative],
    env: english,
    stdin: content,
    timeoutMs: fileTimeoutMs,
    outputBytesMax: 2_000,
  });
  throwUnlessDone(result, path);
}

function throwUnlessDone(result: CommandResult, path: string): void {
  if (result.endedBy === "exit" && result.exitCode === 0) {
    return;
  }
  if (result.endedBy === "exit") {
    switch (result.exitCode) {
      case exits.missing:
        throw refused(path, "there is no such file");
      case exits.outside:
        throw refused(path, "it leads outside of the workspace");
      case exits.notRegular:
        throw refused(path, "it is not a regular file");
    }
  }
  throw (
    storageFault(result.stderr) ??
    new AppError("sandbox.failed", `The file ${JSON.stringify(path)} could not be used: ${reasonOf(result)}`)
  );
}

function reasonOf(result: CommandResult): string {
  return result.stderr.trim().split("\n").at(-1) || `the command ended by ${result.endedBy}`;
}
