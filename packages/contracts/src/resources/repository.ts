import { z } from "zod";
import { pageOf } from "../pagination.ts";
import { branchSchema, idSchema, nameSchema, timestampSchema } from "../scalars.ts";

/** An https or ssh address, or in local mode an absolute path. Checked further by the backend. */
export const repositoryUrlSchema = z
  .string()
  .min(1)
  .max(2_000)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what the check is for
  .refine((url) => !/[\u0000-\u0020\u007f\\]/.test(url), {
    message: "must not hold spaces, backslashes or control characters",
  })
  .refine((url) => !url.startsWith("-"), { message: "must not start with a dash" });

const commandLineSchema = z
  .string()
  .min(1)
  .max(1_000)
  .refine((text) => !text.includes("\u0000"), { message: "must not hold NUL" });

const settingsFields = {
  setupCommand: commandLineSchema.nullable(),
  testCommand: commandLineSchema.nullable(),
  coverageCommand: commandLineSchema.nullable(),
  /** A gate or setup command is killed after this. */
  commandTimeoutSeconds: z.number().int().min(1).max(7_200),
  environment: z.record(nameSchema, z.string().max(4_000)),
};

/** How the repository is set up and judged. `.agentvine.yml` of the base commit comes first, then this, then detection. */
export const repositorySettingsSchema = z
  .object({
    setupCommand: settingsFields.setupCommand.default(null),
    testCommand: settingsFields.testCommand.default(null),
    coverageCommand: settingsFields.coverageCommand.default(null),
    commandTimeoutSeconds: settingsFields.commandTimeoutSeconds.default(600),
    environment: settingsFields.environment.default({}),
  })
  .meta({ id: "RepositorySettings" });

/** Settings to change. Without defaults: a setting that is not named keeps its value. */
const repositorySettingsChangeSchema = z
  .object(settingsFields)
  .partial()
  .meta({ id: "RepositorySettingsChange" });

export const repositorySchema = z
  .object({
    id: idSchema,
    /** https, ssh and .git spellings of one repository have one key. */
    canonicalKey: z.string(),
    url: z.string(),
    name: z.string(),
    defaultBranch: z.string().nullable(),
    settings: repositorySettingsSchema,
    egress: z.array(z.string()),
    createdAt: timestampSchema,
    updatedAt: timestampSchema,
  })
  .meta({ id: "Repository" });

export const repositoryCreateSchema = z
  .object({
    url: repositoryUrlSchema,
    name: nameSchema.optional(),
    defaultBranch: branchSchema.optional(),
    settings: repositorySettingsChangeSchema.optional(),
  })
  .meta({ id: "RepositoryCreate" });

export const repositoryUpdateSchema = repositoryCreateSchema
  .omit({ url: true })
  .partial()
  .meta({ id: "RepositoryUpdate" });
export const repositoryListSchema = pageOf("RepositoryList", repositorySchema);

export type Repository = z.infer<typeof repositorySchema>;
export type RepositoryCreate = z.infer<typeof repositoryCreateSchema>;
export type RepositoryUpdate = z.infer<typeof repositoryUpdateSchema>;
export type RepositorySettings = z.infer<typeof repositorySettingsSchema>;
