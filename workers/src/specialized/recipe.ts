import type { Evidence, RepositorySettings, Task, TaskType } from "@agentvine/contracts";
import type { Sandbox } from "../sandbox/sandbox.ts";

/** A checked-out commit, reachable only through its sandbox. */
export interface Checkout {
  readonly commit: string;
  readonly sandbox: Sandbox;
}

/** How this repository is set up and tested, and where that knowledge comes from. Fixed at the base commit: an agent can't edit its judge. */
export interface TestPlan {
  readonly source: "agentvine.yml" | "repository settings" | "detected" | "none";
  readonly runner: "node:test" | "vitest" | "jest" | "pytest" | "npm" | "command" | "none";
  readonly setupCommand: string | null;
  readonly testCommand: string | null;
  readonly coverageCommand: string | null;
  readonly commandTimeoutMs: number;
  readonly environment: Readonly<Record<string, string>>;
  /** Values of the environment that nobody may see in what the commands print. */
  readonly secrets?: readonly string[];
}

export interface InstructionInput {
  readonly task: Task;
  readonly plan: TestPlan;
  /** The repository's own conventions (AGENTS.md and the like) as quoted text, or empty. */
  readonly conventions: string;
  /** What the team wrote down that has to do with the task, quoted with the ids to cite it by, or empty. */
  readonly documents: string;
}

export interface GateInput {
  readonly task: Task;
  readonly plan: TestPlan;
  readonly settings: RepositorySettings;
  readonly round: number;
  /** Fresh checkout of the base commit, set up with the plan's setup command. */
  readonly base: () => Promise<Checkout>;
  /** Fresh checkout of what the agent handed in, set up likewise. */
  readonly result: () => Promise<Checkout>;
  /** Fresh checkout of the base with the given files (paths) taken from the result. */
  readonly baseWith: (paths: readonly string[]) => Promise<Checkout>;
  readonly files: Evidence["files"];
  /** What the agent left uncommitted, as `git status --porcelain` lines; empty when clean. */
  readonly dirtyPaths: readonly string[];
  readonly signal: AbortSignal;
  readonly onOutput: (text: string) => void;
}

/** What a worker does for one task type: a value, not a subclass. */
export interface Recipe {
  readonly taskType: TaskType;
  /** System prompt and first instruction for the agent. */
  readonly instruct: (input: InstructionInput) => { readonly system: string; readonly instruction: string };
  /** Judges the result against the base. Never throws for a bad result: it says so in the evidence. */
  readonly gate: (input: GateInput) => Promise<Evidence>;
  /** Type of the conventional commit, e.g. `fix`. */
  readonly commitType: string;
}
