import { z } from "zod";
import { fileClass, refusedPath } from "./file-access.ts";
import { defineTool, failed, succeeded, type ToolContext, type ToolOutcome } from "./tool.ts";
import { workspacePath } from "./workspace-path.ts";

const bytesMax = 1024 * 1024;
const charactersMax = 60_000;
const linesDefault = 1_000;
const lineCharactersMax = 2_000;
const sedTimeoutMs = 30_000;

const input = z.object({
  path: z.string().min(1).describe("relative to the root of the repository"),
  startLine: z.number().int().min(1).default(1).describe("first line to read, from 1"),
  lines: z.number().int().min(1).max(5_000).default(linesDefault).describe("how many lines to read"),
});

/** Reads lines of a text file. */
export const readFileTool = defineTool({
  name: "read_file",
  description:
    "Reads lines of a text file of the repository. Each line comes with its number and a tab before it; they are no part of the file.",
  input,
  classOf: ({ path }, context) => fileClass(path, "read", context),
  summarize: ({ path, startLine }) => (startLine > 1 ? `${path} from line ${startLine}` : path),
  pathsOf: ({ path }) => [path],
  run: readLines,
});

async function readLines(
  { path, startLine, lines }: z.infer<typeof input>,
  context: ToolContext,
): Promise<ToolOutcome> {
  const { sandbox } = context;
  const refused = refusedPath(path, context);
  if (refused !== undefined) return refused;
  const { relative } = workspacePath(path, sandbox.workspacePath);
  const file = await sandbox.readFile(relative, bytesMax);
  if (file.bytes.includes(0)) return failed(`${path} is no text file (${file.sizeBytes} bytes)`);
  const all = new TextDecoder().decode(file.bytes).split("\n");
  const isEndKnown = !file.isTruncated;
  if (isEndKnown && all.at(-1) === "") all.pop();
  if (isEndKnown && all.length === 0) return succeeded("[the file is empty]", `${path}: empty`);
  if (startLine > all.length || (!isEndKnown && startLine + lines > all.length)) {
    return isEndKnown
      ? failed(`${path} has only ${all.length} lines`)
      : await readFar(relative, startLine, lines, context);
  }
  const shown = numbered(all.slice(startLine - 1, startLine - 1 + lines), startLine);
  const last = startLine + shown.count - 1;
  const isMore = last < all.length || !isEndKnown;
  const size = isEndKnown ? `${all.length} lines` : `${file.sizeBytes} bytes`;
  const more = isMore ? `\n[${path} has ${size}; read on with startLine ${last + 1}]` : "";
  return succeeded(shown.text + more, `${path}: lines ${startLine} to ${last}`);
}

/** Lines beyond what one read takes in are cut out inside the sandbox. */
async function readFar(
  path: string,
  startLine: number,
  lines: number,
  { sandbox, signal }: ToolContext,
): Promise<ToolOutcome> {
  const result = await sandbox.run({
    argv: ["sed", "-n", `${startLine},${startLine + lines - 1}p`, "--", path],
    timeoutMs: sedTimeoutMs,
    outputBytesMax: charactersMax,
    signal,
  });
  if (result.exitCode !== 0) return failed(`${path} could not be read: ${result.stderr.trim()}`);
  if (result.stdout === "") return failed(`${path} has fewer than ${startLine} lines`);
  const shown = numbered(result.stdout.replace(/\n$/, "").split("\n"), startLine);
  return succeeded(shown.text, `${path}: from line ${startLine}`);
}

function numbered(lines: readonly string[], firstNumber: number): { text: string; count: number } {
  const rows: string[] = [];
  let characters = 0;
  for (const [index, line] of lines.entries()) {
    const shown = line.length > lineCharactersMax ? `${line.slice(0, lineCharactersMax)} [line cut]` : line;
    characters += shown.length;
    if (characters > charactersMax && rows.length > 0) break;
    rows.push(`${firstNumber + index}\t${shown}`);
  }
  return { text: rows.join("\n"), count: rows.length };
}
