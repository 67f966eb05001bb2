import { createHash } from "node:crypto";
import type {
  Artifact,
  AttemptDocumentMatch,
  Checkpoint,
  CheckpointCreate,
  LogChunk,
  LogLine,
  Progress,
} from "@agentvine/contracts";
import { newId, sleep } from "@agentvine/kit";
import type { ServiceApi } from "../agent-services/service-api.ts";
import type { ArtifactUpload, ExecutionApi } from "../execution-api.ts";
import { MemoryDecisions } from "./memory-decisions.ts";
import { MemoryPeople } from "./memory-people.ts";

/** Keeps in memory what an execution tells the backend; several executions of a task may share one. */
export class MemoryBackend implements ExecutionApi {
  readonly executionId = newId();
  readonly taskId = newId();
  readonly reports: Progress[] = [];
  readonly decisions = new MemoryDecisions(sleep);
  /** What the team wrote down about the task, or what looking it up is answered with. */
  documents: AttemptDocumentMatch[] | Error = [];
  readonly services: ServiceApi = {
    match: async () => {
      if (this.documents instanceof Error) throw this.documents;
      return this.documents;
    },
    readDocument: () => Promise.reject(new Error("no document")),
    propose: async ({ title, type }) => ({
      ...{ taskId: newId(), title, type, status: "pending", permissionLevel: "supervised", isNew: true },
    }),
  };
  readonly people = new MemoryPeople();
  readonly checkpoints: Checkpoint[] = [];
  readonly artifacts = new Map<string, ArtifactUpload>();
  /** Thrown by the named call instead of an answer, while set. */
  readonly faults: Partial<Record<keyof ExecutionApi, Error>> = {};
  onCheckpoint: (checkpoint: Checkpoint) => void = () => undefined;
  #log = "";

  async appendLog(chunk: LogChunk): Promise<{ offset: number; isFull: boolean }> {
    this.#fail("appendLog");
    this.#log += chunk.text;
    return { offset: Buffer.byteLength(this.#log), isFull: false };
  }

  async progress(progress: Progress): Promise<void> {
    this.#fail("progress");
    this.reports.push(progress);
  }

  async upload(upload: ArtifactUpload): Promise<Artifact> {
    this.#fail("upload");
    const id = newId();
    this.artifacts.set(id, upload);
    return {
      id,
      executionId: this.executionId,
      taskId: this.taskId,
      kind: upload.kind,
      name: upload.name,
      contentType: upload.contentType,
      sizeBytes: upload.bytes.length,
      digest: createHash("sha256").update(upload.bytes).digest("hex"),
      createdAt: new Date().toISOString(),
    };
  }

  async download(artifactId: string): Promise<Uint8Array> {
    this.#fail("download");
    const found = this.artifacts.get(artifactId);
    if (found === undefined) throw new Error(`no artifact ${artifactId}`);
    return found.bytes;
  }

  async createCheckpoint(body: CheckpointCreate): Promise<Checkpoint> {
    this.#fail("createCheckpoint");
    const checkpoint: Checkpoint = {
      ...body,
      id: newId(),
      taskId: this.taskId,
      executionId: this.executionId,
      attempt: 1,
      createdAt: new Date().toISOString(),
    };
    this.checkpoints.push(checkpoint);
    this.onCheckpoint(checkpoint);
    return checkpoint;
  }

  get logLines(): LogLine[] {
    return this.#log
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  }

  get logText(): string {
    return this.logLines.map(({ message }) => message).join("\n");
  }

  names(): string[] {
    return [...this.artifacts.values()].map(({ name }) => name);
  }

  text(name: string): string {
    const found = [...this.artifacts.values()].findLast((artifact) => artifact.name === name);
    return Buffer.from(found?.bytes ?? "").toString("utf8");
  }

  phases(): string[] {
    return this.reports.flatMap((report) => (report.kind === "phase" ? [report.phase] : []));
  }

  #fail(call: keyof ExecutionApi): void {
    const fault = this.faults[call];
    if (fault !== undefined) throw fault;
  }
}
