import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { newId } from "@agentvine/kit";
import { createRepository } from "@agentvine/testkit";
import type { Sandbox } from "../../sandbox/sandbox.ts";
import { createSandboxFactory } from "../../sandbox/sandbox-factory.ts";
import type {
  AgentEvent,
  AgentServices,
  AgentTurnInput,
  Desk,
  ServiceReply,
  Transcript,
} from "../agent-driver.ts";

type Task = AgentTurnInput["task"];

const now = "2026-01-02T03:04:05.000Z";

/** A task with nothing special about it. */
const someTask = (title: string): Task => ({
  id: newId(),
  title,
  description: "",
  type: "bugfix",
  permissionLevel: "autonomous",
  priority: "normal",
  status: "in_progress",
  statusReason: "",
  repositoryId: newId(),
  repositoryUrl: "/srv/shop",
  branchName: null,
  issueNumber: null,
  prNumber: null,
  agent: {},
  limits: {},
  requiredLabels: [],
  timeoutSeconds: 600,
  context: {},
  metadata: {},
  createdBy: newId(),
  assignedTo: null,
  parentTaskId: null,
  createdByExecutionId: null,
  dependsOn: [],
  attempt: 1,
  runs: 0,
  result: null,
  createdAt: now,
  updatedAt: now,
  startedAt: now,
  completedAt: null,
});

/** A sandbox of driver `none` over `<dir>/workspace`, a git repository that holds `files`. */
export async function openWorkspace(dir: string, files: Record<string, string>): Promise<Sandbox> {
  const workspaceDir = join(dir, "workspace");
  await createRepository(workspaceDir, files);
  return await openSandbox(dir, workspaceDir);
}

/** The same without git, for tests that need none. */
export async function openFolder(dir: string, files: Record<string, string>): Promise<Sandbox> {
  const workspaceDir = join(dir, "workspace");
  await mkdir(workspaceDir, { recursive: true });
  for (const [path, content] of Object.entries(files)) await writeFile(join(workspaceDir, path), content);
  return await openSandbox(dir, workspaceDir);
}

/** A sandbox of driver `none` over a folder that is there already. */
export async function openSandbox(dir: string, workspaceDir: string): Promise<Sandbox> {
  const homeDir = join(dir, "home");
  const tempDir = join(dir, "temp");
  await Promise.all([homeDir, tempDir].map((path) => mkdir(path, { recursive: true })));
  const factory = createSandboxFactory("none", { acceptNoSandbox: true });
  return await factory.open({ workspaceDir, homeDir, tempDir, executionId: newId() });
}

export interface RecordedTurn {
  readonly input: AgentTurnInput;
  readonly events: AgentEvent[];
  readonly transcripts: Transcript[];
}

/** A desk that answers as told; nobody is there unless told. */
export const aDesk = (desk: Partial<Desk> = {}): Desk => ({
  ask: async () => ({ kind: "no_answer", reason: "nobody is there" }),
  spend: async () => ({ isSpent: true }),
  openRequests: () => [],
  ...desk,
});

const nothing: ServiceReply<never> = { isError: false, text: "Nothing.", data: null };
/** Services that know and do nothing, unless told. */
export const someServices = (services: Partial<AgentServices> = {}): AgentServices => ({
  getContext: async () => nothing,
  readDocument: async () => nothing,
  reportProgress: async () => nothing,
  createSubtask: async () => nothing,
  ...services,
});

/** The input of a turn that allows everything, answers nothing and records what it is told. */
export function recordedTurn(
  sandbox: Sandbox,
  instruction: string,
  changes: Partial<AgentTurnInput> = {},
): RecordedTurn {
  const events: AgentEvent[] = [];
  const transcripts: Transcript[] = [];
  const input: AgentTurnInput = {
    task: someTask(instruction),
    system: "You mend programs.",
    instruction,
    sandbox,
    testCommand: "npm test",
    limits: { stepsMax: 100, tokensMax: 10_000_000 },
    signal: new AbortController().signal,
    ruleFor: () => "test",
    desk: aDesk(),
    services: someServices(),
    openRelay: async () => null,
    hear: async () => [],
    onEvent: (event) => {
      events.push(event);
    },
    onCheckpoint: async (transcript) => {
      // As it would come back from storage.
      transcripts.push(JSON.parse(JSON.stringify(transcript)));
    },
    ...changes,
  };
  return { input, events, transcripts };
}

/** The events of one type. */
export const eventsOf = <T extends AgentEvent["type"]>(
  events: readonly AgentEvent[],
  type: T,
): Extract<AgentEvent, { type: T }>[] =>
  events.filter((event): event is Extract<AgentEvent, { type: T }> => event.type === type);
