import { chmod, link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
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

/**
 * Writes the secret so that nobody else can read it at any moment, and a crash leaves no half of it. Of several processes that do so
 * at once, as backends that share a home and start together, one wins.
 * @returns the secret that is in the file now, for all of them
 */
export async function createCredential(path: string, secret: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${newId()}`;
  try {
    await writeFile(draft, `${secret}\n`, { mode: 0o600, flag: "wx" });
    if (await isLinked(draft, path)) return secret;
    const found = await readCredential(path);
    if (found !== undefined) return found;
    // Somebody has emptied it.
    await rename(draft, path);
    return secret;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Puts another secret into the file, all of it or nothing, readable by the owner alone. */
export async function replaceCredential(path: string, secret: string): Promise<void> {
  const draft = `${path}.${newId()}`;
  try {
    await writeFile(draft, `${secret}\n`, { mode: 0o600, flag: "wx", flush: true });
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
}

/** False when there is a file of that name. */
async function isLinked(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    // Not every file system has links; there, whoever is last wins.
    await rename(draft, path);
    return true;
  }
}
