import type { Sandbox } from "../../sandbox/sandbox.ts";

const bytesMax = 2 * 1024 * 1024;

/** A file of the checkout as text; null when it is missing, no file, or larger than 2 MiB. */
export async function readText(sandbox: Sandbox, path: string): Promise<string | null> {
  try {
    const file = await sandbox.readFile(path, bytesMax);
    return file.isTruncated ? null : Buffer.from(file.bytes).toString("utf8");
  } catch {
    return null;
  }
}
