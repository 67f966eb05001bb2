import type { ToolClass } from "@agentvine/contracts";
import { failed, type ToolContext, type ToolOutcome } from "./tool.ts";
import { workspacePath } from "./workspace-path.ts";

/** The class of a call that touches this path. */
export function fileClass(path: string, inside: "read" | "edit", { sandbox }: ToolContext): ToolClass {
  return workspacePath(path, sandbox.workspacePath).isOutside ? "outside_workspace" : inside;
}

/** Refuses paths no file tool serves, whoever approved the call. */
export function refusedPath(path: string, { sandbox }: ToolContext): ToolOutcome | undefined {
  const { isOutside, isGitInternal } = workspacePath(path, sandbox.workspacePath);
  if (isOutside) return failed(`${path} is outside the repository`);
  if (isGitInternal) return failed(`${path} belongs to git; use git commands`);
  return undefined;
}

const fileBytesMax = 2 * 1024 * 1024;

/** The whole text of a file that is to be edited, or why that can't be. */
export async function readWhole(path: string, context: ToolContext): Promise<string | ToolOutcome> {
  const { relative } = workspacePath(path, context.sandbox.workspacePath);
  const file = await context.sandbox.readFile(relative, fileBytesMax);
  if (file.isTruncated) return failed(`${path} is too large to be edited here (${file.sizeBytes} bytes)`);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(file.bytes);
  } catch {
    // Writing it back would destroy the bytes that are no UTF-8.
    return failed(`${path} is no UTF-8 text`);
  }
}
