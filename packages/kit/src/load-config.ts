import { readFileSync } from "node:fs";
import { z } from "zod";
import { AppError, coerceError, type ErrorIssue } from "./app-error.ts";

type Env = Record<string, string | undefined>;

/**
 * Reads configuration from environment variables. The schema's keys are the variable names. An empty variable
 * counts as unset. For every key X the variable X_FILE may name a file that holds the value, which keeps secrets
 * out of the environment.
 * @throws AppError `config.invalid` that lists all problems at once, by variable; never the values.
 */
export function loadConfig<T>(schema: z.ZodType<T>, env: Env): T {
  const issues: ErrorIssue[] = [];
  const values = readValues(keysOf(schema), env, issues);
  const result = schema.safeParse(values);
  if (!result.success) {
    const unreadable = new Set(issues.map(({ path }) => path));
    for (const issue of result.error.issues) {
      const path = issue.path.join(".") || "(configuration)";
      // A key whose file could not be read is missing too; one message about it is enough.
      if (!unreadable.has(`${path}_FILE`)) {
        issues.push({ path, message: issue.message });
      }
    }
  }
  if (!result.success || issues.length > 0) {
    const text = issues.map(({ path, message }) => `${path}: ${message}`).join("; ");
    throw new AppError("config.invalid", `The configuration is invalid: ${text}`, { issues });
  }
  return result.data;
}

/** The schema's own keys, looking through transforms and refinements; empty when it is no object. */
function keysOf(schema: z.core.$ZodType): string[] {
  if (schema instanceof z.ZodPipe) {
    return keysOf(schema.in);
  }
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function readValues(keys: string[], env: Env, issues: ErrorIssue[]): Env {
  const values: Env = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && value !== "") {
      values[name] = value;
    }
  }
  for (const key of keys) {
    const fileKey = `${key}_FILE`;
    const file = values[fileKey];
    if (file === undefined || keys.includes(fileKey)) {
      continue;
    }
    delete values[fileKey];
    if (values[key] !== undefined) {
      issues.push({ path: fileKey, message: `set either ${key} or ${fileKey}, not both` });
      continue;
    }
    try {
      values[key] = readFileSync(file, "utf8").trim();
    } catch (error) {
      issues.push({ path: fileKey, message: `cannot be read: ${coerceError(error).message}` });
    }
  }
  return values;
}
