import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { checkout } from "./agentvine.ts";

const execFileAsync = promisify(execFile);

const parts = [
  "package.json",
  "tsconfig.base.json",
  "samples",
  "packages",
  "backend",
  "workers",
  "controller",
  "cli",
  "node_modules",
];

/** A copy of the built checkout at another place; hard links where the file system allows, as nothing in it is changed. */
export async function copyCheckout(target: string): Promise<string> {
  await mkdir(target, { recursive: true });
  for (const part of parts) {
    const from = join(checkout, part);
    try {
      await execFileAsync("cp", ["-al", from, target]);
    } catch {
      await execFileAsync("cp", ["-a", from, target]);
    }
  }
  return target;
}
