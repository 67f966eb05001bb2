import { readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@agentvine/kit";
import { z } from "zod";

const loginSchema = z.object({
  /** Address of the backend that takes the key. */
  server: z.string(),
  keyId: z.string(),
  key: z.string(),
  username: z.string(),
});
export type Login = z.infer<typeof loginSchema>;

const fileOf = (home: string): string => join(home, "login.json");

const isMissing = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");

/** Who signed in on this data directory; undefined when nobody did. @throws AppError `home.unusable` */
export function readLogin(home: string): Login | undefined {
  try {
    return loginSchema.parse(JSON.parse(readFileSync(fileOf(home), "utf8")));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new AppError("home.unusable", `${fileOf(home)} can't be read: sign in again with agentvine login`, {
      cause: error,
    });
  }
}

/** Keeps a login; only its owner can read it. */
export async function writeLogin(home: string, login: Login): Promise<void> {
  await rm(fileOf(home), { force: true });
  await writeFile(fileOf(home), `${JSON.stringify(login)}\n`, { mode: 0o600, flag: "wx" });
}

export const removeLogin = (home: string): Promise<void> => rm(fileOf(home), { force: true });
