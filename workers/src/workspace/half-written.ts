import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/** git's names for objects and packs that are not complete yet. */
const draftName = /^tmp_/;

/**
 * Removes what git commands that broke off have half written into a repository. git leaves it lying for two weeks, and on a full disk it
 * is what keeps the disk full. A command that is writing there at this moment fails.
 * @param repository bare repository.
 */
export async function removeHalfWritten(repository: string): Promise<void> {
  const objects = join(repository, "objects");
  for (const folder of ["", ...(await namesIn(objects))]) {
    const drafts = (await namesIn(join(objects, folder))).filter((name) => draftName.test(name));
    for (const name of drafts) {
      await rm(join(objects, folder, name), { recursive: true, force: true });
    }
  }
}

/** Empty for what is no directory, or gone. */
const namesIn = (directory: string): Promise<string[]> => readdir(directory).catch(() => []);
