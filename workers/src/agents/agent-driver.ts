import type {
  AgentDriverName,
  Approval,
  AttemptDocumentMatch,
  DocumentPage,
  RequestOption,
  SubtaskFields,
  Task,
  TaskLimits,
  ToolClass,
  Usage,
} from "@agentvine/contracts";
import type { Sandbox } from "../sandbox/sandbox.ts";

/** What an agent does, as it happens. Triples of start, update, end share an id. */
export type AgentEvent =
  | { readonly type: "step.started"; readonly step: number }
  | { readonly type: "message"; readonly text: string }
  /** What a person wrote to the agent, as it gets it. */
  | { readonly type: "heard"; readonly from: string; readonly text: string }
  | { readonly type: "plan"; readonly steps: readonly string[] }
  | {
      readonly type: "tool.started";
      readonly id: string;
      readonly name: string;
      readonly toolClass: ToolClass;
      readonly summary: string;
      /** The rule that allows it without asking; null when none does. */
      readonly ruleId: string | null;
    }
  | {
      readonly type: "tool.output";
      readonly id: string;
      readonly stream: "stdout" | "stderr";
      readonly text: string;
    }
  | { readonly type: "tool.ended"; readonly id: string; readonly isError: boolean; readonly summary: string }
  | {
      readonly type: "model.retried";
      readonly attempt: number;
      readonly delayMs: number;
      readonly reason: string;
    }
  | { readonly type: "context.trimmed"; readonly droppedMessages: number }
  | { readonly type: "usage"; readonly usage: Usage };

/** How a turn of the agent ended. A driver never throws for an agent's or a model's failure: it ends with one of these. */
export type AgentOutcome =
  | { readonly kind: "finished"; readonly summary: string }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string }
  /** It waits for answers that did not come in time: the turn is over, and the work goes on when they come. */
  | { readonly kind: "parked"; readonly requestIds: readonly string[] }
  | { readonly kind: "limit_reached"; readonly limit: "steps" | "tokens"; readonly reason: string }
  /** The model could not be reached, also after retries: worth another attempt later. */
  | { readonly kind: "model_unavailable"; readonly reason: string; readonly retryAfterMs?: number }
  | { readonly kind: "cancelled" }
  | { readonly kind: "timed_out" };

export interface AgentTurnResult {
  readonly outcome: AgentOutcome;
  readonly usage: Usage | null;
  readonly steps: number;
  readonly toolCalls: number;
  readonly modelRetries: number;
}

/** A call of a tool that is about to run. */
export interface ToolCallFields {
  readonly tool: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** Something the agent wants to know, or to be allowed. */
export interface Question {
  readonly kind: "clarification" | "question" | "approval";
  readonly text: string;
  /** Why it asks. */
  readonly reason?: string;
  readonly options?: readonly RequestOption[];
  /** What exactly is to be allowed; with kind `approval` only. */
  readonly approval?: Approval;
}

/**
 * The answer to something the agent asked. `no_answer` is typed: the agent is told that nobody answered, never a guess. `pending`:
 * nobody answered while the agent could wait, and its turn must end.
 */
export type Answer =
  | { readonly kind: "answered"; readonly text: string; readonly by: string }
  | {
      readonly kind: "allowed";
      readonly requestId: string;
      readonly by: string;
      /** Runs instead of the shell line that was asked for. */
      readonly editedCommand: string | null;
      readonly isSpent: boolean;
    }
  | { readonly kind: "denied"; readonly reason: string }
  | { readonly kind: "no_answer"; readonly reason: string }
  | { readonly kind: "pending"; readonly requestId: string };

/** Whether an approval may be used for a call, now and once. */
export type Spent = { readonly isSpent: true } | { readonly isSpent: false; readonly reason: string };

/** What an attempt asks, and how it uses what it was allowed. */
export interface Desk {
  /** Raises a question or an approval and waits for the answer as long as the agent may wait. Never throws. */
  ask(question: Question): Promise<Answer>;
  /** Uses an approval for the call that runs next. Never throws. */
  spend(requestId: string, call: ToolCallFields): Promise<Spent>;
  /** What was asked in this turn and is not answered yet. */
  openRequests(): readonly string[];
}

/** What a service says: in words for the agent's model, and the same for a program. */
export interface ServiceReply<Data = Readonly<Record<string, unknown>>> {
  readonly isError: boolean;
  readonly text: string;
  readonly data: Data | null;
}

/** Documents that were found, in the order of their fitness. */
export type FoundDocuments = {
  readonly documents: readonly Pick<
    AttemptDocumentMatch,
    "documentId" | "version" | "title" | "type" | "excerpt" | "characters" | "content"
  >[];
};

/** What an agent may look up and tell. Never throws: what goes wrong is a reply. */
export interface AgentServices {
  /** Context documents that fit the task and the words, quoted as data of others. */
  getContext(query: string): Promise<ServiceReply<FoundDocuments>>;
  /** A context document from a place on, quoted in the same way; a long one comes in pages. */
  readDocument(wanted: {
    readonly documentId: string;
    /** Characters to pass over. */
    readonly offset?: number | undefined;
  }): Promise<ServiceReply<DocumentPage>>;
  reportProgress(report: {
    readonly message: string;
    /** From 0 to 100. */
    readonly percent?: number | undefined;
  }): Promise<ServiceReply>;
  /** Proposes a task, which waits until a person queues it. */
  createSubtask(fields: SubtaskFields): Promise<ServiceReply>;
}

/** The way of an agent that is no part of this process to the desk and the services: an MCP server that it starts. Holds no secret. */
export interface Relay {
  /** How the server is started; the entries are added to the environment it gets. */
  readonly server: {
    readonly command: string;
    readonly args: readonly string[];
    readonly env: Readonly<Record<string, string>>;
  };
  /** A file that says so, as agents read it: `{"mcpServers": {"agentvine": …}}`. */
  readonly configPath: string;
  /** Whether the agent has asked for the list of tools; some begin without waiting for their servers. */
  hasListed(): boolean;
  /** Ends the server and whatever waits in it, before anybody looks at what the agent left. Idempotent. */
  close(): Promise<void>;
}

/** What a person wrote to the agent. */
export interface Heard {
  readonly position: number;
  /** What the person is called. */
  readonly from: string;
  readonly text: string;
  /** The texts of what came with it, quoted as data. */
  readonly files: readonly string[];
}

/** Gives what people wrote since it was last asked, as the agent gets it; without an answer to `isWanted`, nothing of it is lost. */
export type Hear = (isWanted?: () => boolean) => Promise<readonly string[]>;

/** The agent's memory of the conversation, opaque JSON of its driver. */
export type Transcript = {
  readonly driver: AgentDriverName;
  readonly step: number;
  readonly messages: readonly unknown[];
  /** Used from the first turn up to here, so that token limits hold over turns and resumed executions. */
  readonly usage?: Usage;
  /** Position of the last message of a person that is part of it. */
  readonly heardThrough?: number;
};

export interface AgentTurnInput {
  readonly task: Task;
  /** Who the agent is and how it works here. */
  readonly system: string;
  /** What to do now: the task at first, later a refused gate's output, a reviewer's comment or an answer. */
  readonly instruction: string;
  readonly sandbox: Sandbox;
  /** The test plan's own command: exactly this line counts as class `test`, any other as `command` or worse. */
  readonly testCommand?: string | null;
  readonly limits: Required<{ [K in keyof TaskLimits]-?: number }>;
  /** The turn must end (typed `timed_out`) when this fires with reason `"timed_out"`, `cancelled` for any other reason. */
  readonly signal: AbortSignal;
  /** Id of the rule by which this class of tool runs without asking; undefined when it must ask. */
  readonly ruleFor: (toolClass: ToolClass) => string | undefined;
  readonly desk: Desk;
  readonly services: AgentServices;
  /**
   * For agents that are no part of this process: replies bring along what `hear` gives. The driver closes it when the agent has ended.
   * Null when none can be opened.
   */
  readonly openRelay: (hear: Hear) => Promise<Relay | null>;
  /** What people wrote to the agent behind a position, oldest first. Never throws: what can't be had now comes later. */
  readonly hear: (after: number) => Promise<readonly Heard[]>;
  /** Only looks and makes a plan: nothing but reading and `report_plan` is offered. */
  readonly isPlanning?: boolean;
  /** Must not throw. */
  readonly onEvent: (event: AgentEvent) => void;
  /** Called after every step whose effects should not be done twice; resolves once the checkpoint is safe. */
  readonly onCheckpoint: (transcript: Transcript) => Promise<void>;
  /** Where to go on from: the last checkpoint's transcript, or the turn before a refused gate. */
  readonly transcript?: Transcript;
}

/** Adapter to one kind of coding agent. */
export interface AgentDriver {
  readonly name: AgentDriverName;
  /** `provider/name` of the model, or what runs. */
  readonly label: string;
  readonly isScripted: boolean;
  /** One turn: until the agent says it is done, is cut off, or fails. The final transcript comes through onCheckpoint last. */
  run(input: AgentTurnInput): Promise<AgentTurnResult>;
}
