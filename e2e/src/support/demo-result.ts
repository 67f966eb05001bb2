import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  answerSourceSchema,
  citationSchema,
  evidenceSchema,
  workerRequestKindSchema,
  workerRequestStatusSchema,
} from "@agentvine/contracts";
import { z } from "zod";

const execFileAsync = promisify(execFile);

// Strict: the object is an interface that scripts rely on.
export const demoResultSchema = z.strictObject({
  ok: z.boolean(),
  requests: z.array(
    z.strictObject({
      id: z.uuid(),
      taskId: z.uuid(),
      taskType: z.enum(["bugfix", "feature", "test", "docs"]),
      kind: workerRequestKindSchema,
      question: z.string(),
      command: z.string().nullable(),
      status: workerRequestStatusSchema,
      source: answerSourceSchema.nullable(),
      sourceId: z.string().nullable(),
      by: z.string().nullable(),
      citations: z.array(citationSchema),
      waitedMs: z.number().int().min(0),
    }),
  ),
  tasks: z.array(
    z.strictObject({
      id: z.uuid(),
      type: z.enum(["bugfix", "feature", "test", "docs"]),
      status: z.string(),
      outcome: z.string(),
      attempts: z.number().int(),
      repository: z.string(),
      branch: z.string(),
      commit: z.string(),
      evidence: evidenceSchema,
    }),
  ),
});

export type DemoTask = z.infer<typeof demoResultSchema>["tasks"][number];

/** The demo's one JSON object, the last line of its standard output. */
export const readDemoResult = (stdout: string) =>
  demoResultSchema.parse(JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? ""));

/** git in a repository that may belong to another user. */
async function gitIn(repository: string, ...args: string[]): Promise<string> {
  const { stdout } = await execFileAsync("git", ["-c", "safe.directory=*", "-C", repository, ...args]);
  return stdout.trim();
}

/** The commit that the published branch of a task's repository points to. */
export const publishedCommit = (task: DemoTask): Promise<string> =>
  gitIn(task.repository, "rev-parse", `refs/heads/${task.branch}`);

/** Paths of a commit. */
export const filesOf = async (task: DemoTask): Promise<string[]> =>
  (await gitIn(task.repository, "ls-tree", "-r", "--name-only", task.commit)).split("\n");

/** Runs the tests of the published commit itself, in a directory of its own. Rejects when they fail. */
export async function testPublished(task: DemoTask, into: string): Promise<void> {
  const directory = join(into, `published-${task.id}`);
  await mkdir(directory);
  const archive = `${directory}.tar`;
  await gitIn(task.repository, "archive", "--format=tar", "--output", archive, task.commit);
  await execFileAsync("tar", ["-xf", archive, "-C", directory]);
  await execFileAsync("npm", ["test"], { cwd: directory });
}
