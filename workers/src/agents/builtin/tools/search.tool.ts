import { z } from "zod";
import { fileClass } from "./file-access.ts";
import { defineTool, failed, succeeded, type ToolContext, type ToolOutcome } from "./tool.ts";
import { workspacePath } from "./workspace-path.ts";

const matchesMax = 200;
const lineCharactersMax = 400;
const timeoutMs = 60_000;
const outputBytesMax = 256 * 1024;

const input = z.object({
  pattern: z.string().min(1).describe("extended regular expression (grep -E)"),
  path: z.string().min(1).default(".").describe("file or folder, relative to the root of the repository"),
  ignoreCase: z.boolean().default(false),
});

/** Finds lines in text files that git knows or would know; in all files where there is no git. */
export const searchTool = defineTool({
  name: "search",
  description:
    "Finds lines that match a regular expression, as path:line:text. Files git ignores are left out.",
  input,
  classOf: ({ path }, context) => fileClass(path, "read", context),
  summarize: ({ pattern, path }) => (path === "." ? pattern : `${pattern} in ${path}`),
  pathsOf: ({ path }) => [path],
  run: search,
});

async function search(
  { pattern, path, ignoreCase }: z.infer<typeof input>,
  context: ToolContext,
): Promise<ToolOutcome> {
  const { sandbox, signal } = context;
  const place = workspacePath(path, sandbox.workspacePath);
  if (place.isOutside) return failed(`${path} is outside the repository`);
  const limits = { timeoutMs, outputBytesMax, signal };
  const caseFlag = ignoreCase ? ["-i"] : [];
  let result = await sandbox.run({
    ...limits,
    argv: [
      "git",
      "grep",
      "-nIE",
      "--untracked",
      "--no-color",
      ...caseFlag,
      "-e",
      pattern,
      "--",
      place.relative,
    ],
  });
  if (result.exitCode === 128 && /not a git repository/i.test(result.stderr)) {
    result = await sandbox.run({
      ...limits,
      argv: [
        "grep",
        "-rnIE",
        "--exclude-dir=.git",
        "--exclude-dir=node_modules",
        ...caseFlag,
        "-e",
        pattern,
        "--",
        place.relative,
      ],
    });
  }
  if (result.exitCode === 1 && result.stdout === "")
    return succeeded("[no line matches]", `${pattern}: no match`);
  if (result.exitCode !== 0) return failed(`the search failed: ${result.stderr.trim() || result.endedBy}`);
  const lines = result.stdout.split("\n").filter((line) => line !== "");
  const shown = lines
    .slice(0, matchesMax)
    .map((line) => line.replace(/^\.\//, "").slice(0, lineCharactersMax));
  const more = lines.length > matchesMax || result.isTruncated ? "\n[there are more: be more precise]" : "";
  return succeeded(shown.join("\n") + more, `${pattern}: ${lines.length} lines`);
}
