import { execFile } from "node:child_process";
import { cp, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { documentTypeSchema, taskTypeSchema } from "@agentvine/contracts";
import { z } from "zod";

const run = promisify(execFile);

const sampleSchema = z.object({
  name: z.string(),
  type: taskTypeSchema,
  title: z.string(),
  description: z.string(),
  context: z.record(z.string(), z.unknown()).default({}),
  /** What the team knows and its controller may cite. */
  documents: z
    .array(z.object({ title: z.string(), type: documentTypeSchema, content: z.string() }))
    .default([]),
  /** Shell lines that the stand-in person allows. */
  standInAllows: z.array(z.string()).default([]),
});

/** A small repository-to-be and the task that the demo queues for it. */
export type Sample = z.infer<typeof sampleSchema>;

/** `samples/` lies beside `cli/` in a checkout as well as in the installed package. */
const samplesFolder = (): string => fileURLToPath(new URL("../../../samples", import.meta.url));

/** The rules that the demo decides by. */
export const samplePolicyFile = (): string => join(samplesFolder(), "policy.yaml");

/** The samples in the order of the manifest. */
export const readSamples = async (folder: string = samplesFolder()): Promise<Sample[]> =>
  z.array(sampleSchema).parse(JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")));

const author = {
  GIT_AUTHOR_NAME: "AgentVine demo",
  GIT_AUTHOR_EMAIL: "demo@agentvine.invalid",
  GIT_COMMITTER_NAME: "AgentVine demo",
  GIT_COMMITTER_EMAIL: "demo@agentvine.invalid",
};

/** Makes a real git repository of a sample, with one commit on `main`. Returns its path. */
export const createSampleRepository = async (
  sample: Sample,
  { into, searchPath, folder = samplesFolder() }: { into: string; searchPath: string; folder?: string },
): Promise<string> => {
  const path = join(into, sample.name);
  await mkdir(into, { recursive: true });
  await cp(join(folder, sample.name, "repository"), path, { recursive: true });
  // Nothing of the user's git settings may change what the demo does.
  const env = {
    PATH: searchPath,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    HOME: into,
    ...author,
  };
  const git = (...args: string[]) => run("git", ["-C", path, ...args], { env });
  await git("init", "--quiet", "--initial-branch=main");
  await git("add", "--all");
  await git("commit", "--quiet", "--message", `feat: ${sample.name} sample`);
  return path;
};
