import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createRepository } from "@agentvine/testkit";
import { checkout } from "./agentvine.ts";

interface Sample {
  readonly name: string;
  readonly type: string;
  readonly title: string;
  readonly description: string;
}

/** A sample as a git repository of its own, and the task the scripted model knows for it. */
export async function createSample(name: string, into: string): Promise<Sample & { readonly path: string }> {
  const folder = join(checkout, "samples");
  const samples: Sample[] = JSON.parse(await readFile(join(folder, "manifest.json"), "utf8"));
  const sample = samples.find((candidate) => candidate.name === name);
  if (sample === undefined) throw new Error(`there is no sample ${name}`);
  const path = join(into, name);
  await cp(join(folder, name, "repository"), path, { recursive: true });
  await createRepository(path, {});
  return { ...sample, path };
}
