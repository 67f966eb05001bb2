import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { newId } from "@agentvine/kit";

/** The secret in the file; undefined when there is none. */
export async function readCredential(path: string): Promise<string | undefined> {
  try {
    const text = (await readFile(path, "utf8")).trim();
    // A copy from elsewhere may have arrived readable for everybody.
    await chmod(path, 0o600);
    return text === "" ? undefined : text;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      return undefined;
    }
    throw error;
  }
}

/** Writes the secret so that nobody else can read it at any moment, and a crash leaves no half of it. */
export async function writeCredential(path: string, secret: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${newId()}`;
  try {
    await writeFile(draft, `${secret}\n`, { mode: 0o600, flag: "wx" });
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
