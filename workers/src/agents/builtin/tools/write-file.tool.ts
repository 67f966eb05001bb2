import { z } from "zod";
import { fileClass, readWhole, refusedPath } from "./file-access.ts";
import { changed, defineTool, failed, type ToolContext, type ToolOutcome } from "./tool.ts";
import { oneHunkDiff } from "./unified-diff.ts";
import { workspacePath } from "./workspace-path.ts";

const contentBytesMax = 2 * 1024 * 1024;

const input = z.object({
  path: z.string().min(1).describe("relative to the root of the repository"),
  content: z.string().describe("the whole file"),
});

/** Writes a whole file. */
export const writeFileTool = defineTool({
  name: "write_file",
  description:
    "Writes a whole text file, new or over an old one. Missing folders are made. To change a part use edit_file.",
  input,
  classOf: ({ path }, context) => fileClass(path, "edit", context),
  summarize: ({ path, content }) => `${path} (${content.length} characters)`,
  pathsOf: ({ path }) => [path],
  diffOf: diffOfWrite,
  run: write,
});

async function write({ path, content }: z.infer<typeof input>, context: ToolContext): Promise<ToolOutcome> {
  const refused = refusedPath(path, context);
  if (refused !== undefined) return refused;
  const bytes = Buffer.byteLength(content);
  if (bytes > contentBytesMax)
    return failed(`${bytes} bytes are too many for one file, ${contentBytesMax} are allowed`);
  const { relative } = workspacePath(path, context.sandbox.workspacePath);
  if (relative === ".") return failed("the path names no file");
  await context.sandbox.writeFile(relative, content);
  return changed(`${path} was written (${bytes} bytes)`, `${path}: ${bytes} bytes`);
}

async function diffOfWrite(
  { path, content }: z.infer<typeof input>,
  context: ToolContext,
): Promise<string | null> {
  // What is not there, or no text, is shown as a new file.
  const before = await readWhole(path, context).catch(() => null);
  return oneHunkDiff(path, typeof before === "string" ? before : null, content);
}
