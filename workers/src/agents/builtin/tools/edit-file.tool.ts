import { z } from "zod";
import { fileClass, readWhole, refusedPath } from "./file-access.ts";
import { changed, defineTool, failed, type ToolContext, type ToolOutcome } from "./tool.ts";
import { oneHunkDiff } from "./unified-diff.ts";
import { workspacePath } from "./workspace-path.ts";

const input = z.object({
  path: z.string().min(1).describe("relative to the root of the repository"),
  oldText: z
    .string()
    .min(1)
    .describe("exactly as it stands in the file, with its white space; must occur once"),
  newText: z.string().describe("what it is replaced by"),
});

/** Replaces one passage of a file. */
export const editFileTool = defineTool({
  name: "edit_file",
  description:
    "Replaces one passage of a text file. oldText must occur exactly once: take enough lines around it. Without line numbers.",
  input,
  classOf: ({ path }, context) => fileClass(path, "edit", context),
  summarize: ({ path }) => path,
  pathsOf: ({ path }) => [path],
  diffOf: diffOfEdit,
  run: edit,
});

interface PlannedEdit {
  readonly before: string;
  readonly after: string;
  readonly line: number;
}

/** What the file would be, or why it can't be edited so. */
async function plan(
  { path, oldText, newText }: z.infer<typeof input>,
  context: ToolContext,
): Promise<PlannedEdit | ToolOutcome> {
  if (oldText === newText) return failed("oldText and newText are the same");
  const before = await readWhole(path, context);
  if (typeof before !== "string") return before;
  // Models write plain line ends whatever the file has.
  const isWindows = before.includes("\r\n") && !oldText.includes("\r\n");
  const wanted = isWindows ? oldText.replaceAll("\n", "\r\n") : oldText;
  const replacement = isWindows ? newText.replaceAll(/\r?\n/g, "\r\n") : newText;
  const places = placesOf(before, wanted);
  const [place] = places;
  if (place === undefined) return failed(notFound(path, before, oldText));
  if (places.length > 1) {
    const lines = places.slice(0, 10).map((at) => lineAt(before, at));
    return failed(
      `oldText occurs ${places.length} times in ${path} (lines ${lines.join(", ")}): take more of the text around it`,
    );
  }
  const after = before.slice(0, place) + replacement + before.slice(place + wanted.length);
  return { before, after, line: lineAt(before, place) };
}

async function edit(edited: z.infer<typeof input>, context: ToolContext): Promise<ToolOutcome> {
  const { path, oldText, newText } = edited;
  const refused = refusedPath(path, context);
  if (refused !== undefined) return refused;
  const planned = await plan(edited, context);
  if ("isError" in planned) return planned;
  await context.sandbox.writeFile(workspacePath(path, context.sandbox.workspacePath).relative, planned.after);
  const added = newText.split("\n").length;
  const removed = oldText.split("\n").length;
  return changed(`${path} was changed at line ${planned.line}`, `${path}: ${removed} → ${added} lines`);
}

async function diffOfEdit(edited: z.infer<typeof input>, context: ToolContext): Promise<string | null> {
  const planned = await plan(edited, context);
  return "isError" in planned ? null : oneHunkDiff(edited.path, planned.before, planned.after);
}

function placesOf(text: string, wanted: string): number[] {
  const places: number[] = [];
  for (let at = text.indexOf(wanted); at !== -1; at = text.indexOf(wanted, at + 1)) places.push(at);
  return places;
}

const lineAt = (text: string, place: number): number => text.slice(0, place).split("\n").length;

/** The usual reasons: white space that differs, or line numbers that were copied. */
function notFound(path: string, text: string, oldText: string): string {
  const bare = (line: string): string => line.replace(/^\d+\t/, "").trim();
  const first = oldText
    .split("\n")
    .map(bare)
    .find((line) => line !== "");
  const line = text.split("\n").findIndex((each) => first !== undefined && each.trim() === first);
  const near = line === -1 ? "" : `; something like it stands at line ${line + 1}: compare the white space`;
  return `oldText does not occur in ${path}${near}. Read the file again before you edit it`;
}
