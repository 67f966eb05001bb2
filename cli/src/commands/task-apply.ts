import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { endpoints } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import { exitCodes } from "../exit-code.ts";
import type { ClientContext } from "./command.ts";
import { resolveTaskId } from "./task-id.ts";

const run = promisify(execFile);

const git = async (args: readonly string[], input?: string): Promise<string> => {
  try {
    const running = run("git", [...args], { maxBuffer: 16 * 1024 * 1024 });
    // git may end without reading all of it: its exit code and its words say why.
    running.child.stdin?.on("error", () => undefined);
    running.child.stdin?.end(input ?? "");
    return (await running).stdout;
  } catch (error) {
    const detail = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : String(error);
    throw new AppError("git.failed", `git ${args[0]} failed: ${detail}`, { cause: error });
  }
};

/** `task apply <id>`: the result's change into the working tree of the current directory, all or nothing, not committed. */
export const taskApply = async ({ client, output, json }: ClientContext, given: string): Promise<number> => {
  const taskId = await resolveTaskId(client, given);
  const diff = await client.call(endpoints.tasks.diff, { params: { taskId } });
  if (diff.isTruncated) {
    throw new AppError(
      "git.failed",
      `the diff is too long to apply: fetch the branch instead: git fetch origin ${diff.branch ?? diff.commit}`,
    );
  }
  await git(["rev-parse", "--show-toplevel"]);
  // --3way leaves conflict markers; a plain apply changes nothing unless everything fits.
  await git(["apply", "--check", "--whitespace=nowarn", "-"], diff.patch);
  await git(["apply", "--whitespace=nowarn", "-"], diff.patch);
  if (json) output.json({ applied: true, taskId, commit: diff.commit });
  else output.line(`applied ${diff.commit.slice(0, 12)} to the working tree (not committed)`);
  return exitCodes.ok;
};
