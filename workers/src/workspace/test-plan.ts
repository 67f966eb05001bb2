import type { RepositorySettings } from "@agentvine/contracts";
import { AppError } from "@agentvine/kit";
import { parse as parseYaml } from "yaml";
import { z } from "zod";
import type { TestPlan } from "../specialized/recipe.ts";
import { detectTestPlan, runnerOf } from "./detect-test-plan.ts";
import { listFilesAtCommit, type Mirror, readFileAtCommit } from "./mirror.ts";

const fileName = ".agentvine.yml";
const fileBytesMax = 65_536;

const command = z
  .string()
  .trim()
  .min(1, "must not be empty")
  .max(1_000)
  .refine((text) => !text.includes("\0"), { message: "must not hold NUL" });

/** `.agentvine.yml`. A command set to null says that there is none and switches detection off for it. */
const fileSchema = z.strictObject({
  setupCommand: command.nullable().optional(),
  testCommand: command.nullable().optional(),
  coverageCommand: command.nullable().optional(),
  commandTimeoutSeconds: z.number().int().min(1).max(7_200).optional(),
  environment: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be a variable's name"),
      z.coerce.string().max(4_000),
    )
    .optional(),
});

type PlanFile = z.infer<typeof fileSchema>;

/**
 * How the repository is set up and tested: `.agentvine.yml` of the base commit, else the repository's settings, else what the files of
 * the base commit show; decided field by field. Read from the mirror, so nothing an agent writes can change it.
 * @throws AppError `test_plan.invalid` with an issue per field.
 */
export async function readTestPlan(
  mirror: Mirror,
  options: { readonly commit: string; readonly settings: RepositorySettings },
): Promise<TestPlan> {
  const { commit, settings } = options;
  const file = await readPlanFile(mirror, commit);
  const detected = await detectTestPlan({
    paths: await listFilesAtCommit(mirror, commit),
    read: async (path) => {
      const bytes = await readFileAtCommit(mirror, commit, path, 1_048_576);
      return bytes === null ? null : Buffer.from(bytes).toString("utf8");
    },
  });
  const pick = (name: "setupCommand" | "testCommand" | "coverageCommand"): string | null => {
    const own = file?.[name];
    return own === undefined ? (settings[name] ?? detected[name]) : own;
  };
  const testCommand = pick("testCommand");
  const isDetected = testCommand !== null && testCommand === detected.testCommand;
  return {
    source: sourceOf(file, settings, testCommand),
    runner: testCommand === null ? "none" : isDetected ? detected.runner : runnerOf(testCommand, detected),
    setupCommand: pick("setupCommand"),
    testCommand,
    coverageCommand: pick("coverageCommand"),
    commandTimeoutMs: (file?.commandTimeoutSeconds ?? settings.commandTimeoutSeconds) * 1_000,
    environment: { ...settings.environment, ...file?.environment },
  };
}

/** Names where the test command comes from. */
function sourceOf(
  file: PlanFile | null,
  settings: RepositorySettings,
  testCommand: string | null,
): TestPlan["source"] {
  if (file?.testCommand !== undefined) {
    return "agentvine.yml";
  }
  if (settings.testCommand !== null) {
    return "repository settings";
  }
  return testCommand === null ? "none" : "detected";
}

async function readPlanFile(mirror: Mirror, commit: string): Promise<PlanFile | null> {
  const bytes = await readFileAtCommit(mirror, commit, fileName, fileBytesMax + 1);
  if (bytes === null) {
    return null;
  }
  if (bytes.length > fileBytesMax) {
    throw invalid([{ path: "", message: "must be at most 64 KiB" }]);
  }
  let value: unknown;
  try {
    value = parseYaml(Buffer.from(bytes).toString("utf8"), { maxAliasCount: 20 });
  } catch (error) {
    const message = error instanceof Error ? (error.message.split("\n")[0] ?? "") : "";
    throw invalid([{ path: "", message: `is not valid YAML: ${message}` }]);
  }
  const parsed = fileSchema.safeParse(value ?? {});
  if (!parsed.success) {
    throw invalid(
      parsed.error.issues.map((issue) => ({
        path: issue.path.map(String).join("."),
        message: issue.message,
      })),
    );
  }
  return parsed.data;
}

function invalid(issues: { path: string; message: string }[]): AppError {
  const words = issues.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`)).join("; ");
  return new AppError("test_plan.invalid", `${fileName} of the base commit is not valid: ${words}.`, {
    issues,
  });
}
