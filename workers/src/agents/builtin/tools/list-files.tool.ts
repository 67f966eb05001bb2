import { z } from "zod";
import { fileClass } from "./file-access.ts";
import { defineTool, failed, succeeded, type ToolContext, type ToolOutcome } from "./tool.ts";
import { workspacePath } from "./workspace-path.ts";

const filesMax = 1_000;
const timeoutMs = 30_000;
const outputBytesMax = 256 * 1024;

const input = z.object({
  path: z.string().min(1).default(".").describe("folder, relative to the root of the repository"),
  glob: z.string().min(1).optional().describe("only files that match, e.g. src/**/*.ts; seen from the root"),
});

/** Lists files that git knows or would know; all files where there is no git. */
export const listFilesTool = defineTool({
  name: "list_files",
  description: "Lists the files of the repository or of a folder of it, without those git ignores.",
  input,
  classOf: ({ path }, context) => fileClass(path, "read", context),
  summarize: ({ path, glob }) => glob ?? path,
  pathsOf: ({ path }) => [path],
  run: list,
});

async function list({ path, glob }: z.infer<typeof input>, context: ToolContext): Promise<ToolOutcome> {
  const { sandbox, signal } = context;
  const folder = workspacePath(path, sandbox.workspacePath);
  if (folder.isOutside) return failed(`${path} is outside the repository`);
  const limits = { timeoutMs, outputBytesMax, signal };
  const wanted = glob === undefined ? `:(top,literal)${folder.relative}` : `:(top,glob)${glob}`;
  const git = [
    "git",
    "ls-files",
    "--cached",
    "--others",
    "--exclude-standard",
    "--deduplicate",
    "-z",
    "--",
  ] as const;
  const listed = await sandbox.run({
    ...limits,
    argv: [...git, folder.relative === "." && glob === undefined ? "." : wanted],
  });
  if (listed.exitCode === 0) return show(listed.stdout.split("\0"), listed.isTruncated, path);
  const found = await sandbox.run({
    ...limits,
    argv: [
      "find",
      folder.relative,
      "-name",
      ".git",
      "-prune",
      "-o",
      "-name",
      "node_modules",
      "-prune",
      "-o",
      "-type",
      "f",
      "-print",
    ],
  });
  if (found.exitCode !== 0) return failed(`${path} could not be listed: ${found.stderr.trim()}`);
  return show(
    found.stdout.split("\n").map((file) => file.replace(/^\.\//, "")),
    found.isTruncated,
    path,
  );
}

function show(lines: readonly string[], isTruncated: boolean, path: string): ToolOutcome {
  const files = lines.filter((line) => line !== "").sort();
  if (files.length === 0) return succeeded("[no files]", `${path}: no files`);
  const shown = files.slice(0, filesMax);
  const more = files.length > filesMax || isTruncated ? "\n[there are more: name a folder or a glob]" : "";
  return succeeded(shown.join("\n") + more, `${path}: ${files.length} files`);
}
