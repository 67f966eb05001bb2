import { AppError } from "@agentvine/kit";

/** A git bundle taken apart: a few lines of text, an empty line, a pack. */
export interface Bundle {
  /** The commit it names HEAD. */
  readonly head: string;
  /** Commits that whoever takes it must have. */
  readonly prerequisites: readonly string[];
  readonly pack: Uint8Array;
}

const headerBytesMax = 65_536;
const objectId = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/** @throws AppError `workspace.invalid` when the bytes are no bundle, or hold no HEAD. */
export function readBundle(bytes: Uint8Array): Bundle {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerEnd = buffer.subarray(0, headerBytesMax).indexOf("\n\n");
  const [signature, ...lines] = buffer.subarray(0, Math.max(0, headerEnd)).toString("utf8").split("\n");
  if (signature !== "# v2 git bundle" && signature !== "# v3 git bundle") {
    throw invalidWorkspace("The bundle was refused: the bytes are no git bundle.");
  }
  const entries = lines.filter((line) => !line.startsWith("@object-format="));
  const prerequisites = entries
    .filter((line) => line.startsWith("-"))
    .map((line) => line.slice(1).split(" ")[0] ?? "");
  const head = entries.find((line) => line.endsWith(" HEAD"))?.split(" ")[0] ?? "";
  // A bundle with a filter leaves objects out; nothing of ours makes one.
  if (
    entries.some((line) => line.startsWith("@")) ||
    ![head, ...prerequisites].every((id) => objectId.test(id))
  ) {
    throw invalidWorkspace("The bundle was refused: its header is not one that we make.");
  }
  return { head, prerequisites, pack: buffer.subarray(headerEnd + 2) };
}

/** The error for what an agent left that can't be used. */
export const invalidWorkspace = (message: string): AppError => new AppError("workspace.invalid", message);
