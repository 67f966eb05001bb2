import { z } from "zod";

const packageSchema = z.looseObject({
  scripts: z.record(z.string(), z.string()).optional().catch(undefined),
  dependencies: z.record(z.string(), z.string()).optional().catch(undefined),
  devDependencies: z.record(z.string(), z.string()).optional().catch(undefined),
});

export type PackageFile = z.infer<typeof packageSchema>;

/** Reads a package.json leniently; null when it is no JSON object. */
export function parsePackageFile(text: string): PackageFile | null {
  try {
    const parsed = packageSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

export const scriptsOf = (file: PackageFile | null): Readonly<Record<string, string>> => file?.scripts ?? {};
