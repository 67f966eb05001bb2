import { createReadStream } from "node:fs";
import { open, rm } from "node:fs/promises";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { type AuditVerification, auditEntrySchema, auditSealSchema } from "@agentvine/contracts";
import { AppError, AuditVerifier, coerceError, type KnownSeal } from "@agentvine/kit";

const errnoOf = (error: unknown): string =>
  error instanceof Error && "code" in error ? String(error.code) : "";

/** Writes an answer into a new file that only its owner can read; no half of it is left behind. @throws AppError `command.usage` */
export async function writeNewFile(path: string, answer: Response): Promise<void> {
  const file = await open(path, "wx", 0o600).catch((error: unknown) => {
    const reason = errnoOf(error) === "EEXIST" ? "it exists already" : errnoOf(error);
    throw new AppError("command.usage", `--out ${path}: ${reason}: name a new file`, { cause: error });
  });
  try {
    await pipeline(Readable.fromWeb(answer.body as ReadableStream), file.createWriteStream());
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

function take(verifier: AuditVerifier, line: string): void {
  const { type, ...one } = JSON.parse(line) as { type?: unknown };
  if (type === "seal") verifier.seal(auditSealSchema.parse(one));
  else verifier.entry(auditEntrySchema.parse(one));
}

/** Computes the chain of an exported log anew, without the backend. @throws AppError `command.usage` for a file that is none */
export async function verifyFile(path: string, expected: KnownSeal | undefined): Promise<AuditVerification> {
  const verifier = new AuditVerifier(expected);
  let number = 0;
  try {
    for await (const line of createInterface({ input: createReadStream(path, "utf8") })) {
      number += 1;
      take(verifier, line);
    }
  } catch (error) {
    const place = number === 0 ? errnoOf(error) : `line ${number} is no entry of an exported audit log`;
    throw new AppError("command.usage", `--file ${path}: ${place}`, { cause: coerceError(error) });
  }
  return verifier.finish();
}
