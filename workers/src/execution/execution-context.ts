import type { Claim, ExecutionPhase } from "@agentvine/contracts";
import type { Logger } from "@agentvine/kit";
import type { AgentDriver, AgentEvent, AgentServices, Hear, Relay } from "../agents/agent-driver.ts";
import type { SecretRedactor } from "../agents/secret-redactor.ts";
import type { Sandbox, SandboxFactory } from "../sandbox/sandbox.ts";
import type { Git } from "../workspace/git.ts";
import type { ExecutionLayout } from "../workspace/layout.ts";
import type { RequestDesk } from "./decisions/request-desk.ts";
import type { ExecutionApi } from "./execution-api.ts";
import type { ExecutorSettings } from "./executor-channel.ts";
import type { LogStreamer } from "./log-streamer.ts";
import type { MetricsRecorder } from "./metrics.ts";
import type { People } from "./people.ts";
import type { ProgressReporter } from "./progress.ts";
import type { StopRequest } from "./stop-request.ts";
import type { WaitingTime } from "./waiting-time.ts";

/** What the phases of one execution share. */
export interface ExecutionContext {
  readonly claim: Claim;
  readonly settings: ExecutorSettings;
  readonly api: ExecutionApi;
  readonly layout: ExecutionLayout;
  readonly git: Git;
  /** For the commands that set the repository up and judge the result, and for nothing else. */
  readonly testEnvironment: Readonly<Record<string, string>>;
  /** Takes every secret at hand out of what is shown or kept. */
  readonly redactor: SecretRedactor;
  readonly sandboxes: SandboxFactory;
  /** Makes the agent for the task; throws when none is configured or the task's wish can't be met. */
  readonly createDriver: () => AgentDriver;
  readonly log: LogStreamer;
  readonly progress: ProgressReporter;
  readonly metrics: MetricsRecorder;
  readonly stop: StopRequest;
  /** Where it asks what it must not decide itself. */
  readonly desk: RequestDesk;
  readonly waiting: WaitingTime;
  /** What an agent may look up and tell beside. */
  readonly services: AgentServices;
  /** Opens a way to desk and services for an agent that is no part of this process, for one turn; null when there can be none. */
  readonly openRelay: (onEvent: (event: AgentEvent) => void, hear: Hear) => Promise<Relay | null>;
  /** The conversation of the task. */
  readonly people: People;
  /** Sandboxes that the cleanup closes, whatever happens. */
  readonly open: Set<Sandbox>;
  readonly logger: Logger;
}

/** Enters a phase: told to the backend, the log and the metrics. Throws when the work was stopped. */
export const enterPhase = (context: ExecutionContext, phase: ExecutionPhase, detail = ""): void => {
  context.stop.work.throwIfAborted();
  context.metrics.enter(phase);
  context.progress.phase(phase, detail);
  context.log.say("worker", "info", detail === "" ? phase : `${phase}: ${detail}`, { phase });
};
