import { createHash } from "node:crypto";
import type { Checkpoint } from "@agentvine/contracts";
import { coerceError } from "@agentvine/kit";
import { z } from "zod";
import type { Transcript } from "../agents/agent-driver.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { takeSnapshot } from "../workspace/snapshot.ts";
import type { ExecutionContext } from "./execution-context.ts";
import { isLeaseLost } from "./outcome.ts";

/** What the execution itself must know to go on from a checkpoint. */
const progressSchema = z.object({
  /** The instruction the agent was working on. */
  instruction: z.string(),
  /** Gate rounds that were refused so far. */
  refusedRounds: z.number().int().min(0),
  /** The order's follow-up when this was written; another one means a new instruction. */
  followUp: z.string().nullable(),
  /** Plans that were turned down so far. */
  refusedPlans: z.number().int().min(0).optional(),
  /** The plan that a person is to agree to. */
  proposedPlan: z.array(z.string()).optional(),
});
export type ExecutionProgress = z.infer<typeof progressSchema>;

const transcriptSchema = z.object({
  driver: z.enum(["builtin", "acp", "command"]),
  step: z.number().int().min(0),
  messages: z.array(z.unknown()),
  usage: z.unknown().optional(),
  heardThrough: z.number().int().min(0).optional(),
});
/** What lies in the artifact: the agent's memory and where the execution stood. */
const contentSchema = z.object({ transcript: transcriptSchema, progress: progressSchema });

/** A checkpoint brought back: what the agent remembers, how the workspace was, and where the execution stood. */
export interface TakenUp {
  readonly transcript: Transcript;
  readonly snapshot: Uint8Array | null;
  readonly progress: ExecutionProgress;
}

/** Keeps checkpoints of a running agent where any worker can take them up. */
export class Checkpointer {
  readonly #context: ExecutionContext;
  readonly #sandbox: Sandbox;
  readonly #baseCommit: string;
  #count = 0;
  #snapshot: { readonly digest: string; readonly artifactId: string } | undefined;

  constructor(context: ExecutionContext, sandbox: Sandbox, baseCommit: string) {
    this.#context = context;
    this.#sandbox = sandbox;
    this.#baseCommit = baseCommit;
  }

  /**
   * Resolves when the checkpoint is safe, or when it is clear that this one can't be made: the work then goes on from the last one
   * that could. Only a lost lease ends the work.
   * @returns its id; null when it is not safe
   */
  async save(transcript: Transcript, progress: ExecutionProgress): Promise<string | null> {
    const { stop, logger, log } = this.#context;
    try {
      return await this.#save(transcript, progress);
    } catch (error) {
      if (isLeaseLost(error)) stop.refuse("the backend refuses this attempt's checkpoint");
      if (stop.work.aborted) return null;
      logger.warn({ err: coerceError(error) }, "a checkpoint could not be kept");
      log.say("worker", "warn", `a checkpoint could not be kept: ${coerceError(error).message}`);
      return null;
    }
  }

  async #save(transcript: Transcript, progress: ExecutionProgress): Promise<string> {
    const { api, stop } = this.#context;
    this.#count += 1;
    const number = `${transcript.step}-${this.#count}`;
    const snapshotArtifactId = await this.#uploadSnapshot(number);
    const artifact = await api.upload(
      {
        kind: "transcript",
        name: `transcript-${number}.json`,
        contentType: "application/json",
        bytes: Buffer.from(JSON.stringify({ transcript, progress })),
      },
      stop.lease,
    );
    const { id } = await api.createCheckpoint(
      {
        step: transcript.step,
        driver: transcript.driver,
        baseCommit: this.#baseCommit,
        transcriptArtifactId: artifact.id,
        snapshotArtifactId,
        data: { refusedRounds: progress.refusedRounds },
      },
      stop.lease,
    );
    return id;
  }

  /** The workspace as it is now; one that has not changed since is not sent again. */
  async #uploadSnapshot(number: string): Promise<string | null> {
    const { api, stop } = this.#context;
    const bytes = await takeSnapshot(this.#sandbox, { baseCommit: this.#baseCommit });
    if (bytes === null) return null;
    const digest = createHash("sha256").update(bytes).digest("hex");
    if (this.#snapshot?.digest === digest) return this.#snapshot.artifactId;
    const upload = {
      kind: "snapshot" as const,
      name: `snapshot-${number}.bundle`,
      contentType: "application/octet-stream",
      bytes,
    };
    const { id } = await api.upload(upload, stop.lease);
    this.#snapshot = { digest, artifactId: id };
    return id;
  }
}

/** Brings a checkpoint back; null when its transcript belongs to another agent or can't be read. */
export const takeUp = async (
  context: ExecutionContext,
  checkpoint: Checkpoint,
  driverName: string,
): Promise<TakenUp | null> => {
  const { api, stop, log } = context;
  if (checkpoint.driver !== driverName) {
    log.say(
      "worker",
      "warn",
      `the last checkpoint is of the agent driver ${checkpoint.driver}: starting over`,
    );
    return null;
  }
  const bytes = await api.download(checkpoint.transcriptArtifactId, stop.work);
  const content = contentSchema.safeParse(parseJson(bytes));
  if (!content.success) {
    log.say("worker", "warn", "the last checkpoint can't be read: starting over");
    return null;
  }
  const snapshot =
    checkpoint.snapshotArtifactId === null
      ? null
      : await api.download(checkpoint.snapshotArtifactId, stop.work);
  const { transcript, progress } = content.data;
  // `usage` is the driver's own business: it wrote it, it reads it.
  return { transcript: transcript as Transcript, snapshot, progress };
};

const parseJson = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined; // the caller says that it can't be read
  }
};
