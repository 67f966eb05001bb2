import { type Mirror, readFileAtCommit } from "../workspace/mirror.ts";

/** Where repositories tell agents and people how they want to be worked on; the first that exists counts. */
const places = ["AGENTS.md", "CLAUDE.md", ".github/copilot-instructions.md", "CONTRIBUTING.md"] as const;
const bytesMax = 20_000;

/** The repository's own conventions as of the base commit; empty when it has none. */
export const readConventions = async (mirror: Mirror, commit: string): Promise<string> => {
  for (const path of places) {
    const bytes = await readFileAtCommit(mirror, commit, path, bytesMax);
    if (bytes !== null) return `${path}:\n${Buffer.from(bytes).toString("utf8")}`;
  }
  return "";
};
